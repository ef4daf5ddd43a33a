import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import type { BuildObject } from '../../../../controller/contract/builds.ts';
import { follow } from '../../../../controller/services/builds/follow-log.ts';

const build = { id: 'b', status: 'completed' } as BuildObject;
const LINES = ['one', 'two', 'three'].map((line) => ({ line }) as never);

async function* stored() {
  yield LINES;
}

t.test('lines come from where the client is, and one that it could not take comes again', async (t) => {
  const seen: [string, number][] = [];
  let isFull = true;
  const ended = new Promise<BuildObject>((resolve) => {
    const watching = follow(
      stored,
      1,
      {
        line({ line }, number) {
          seen.push([line, number]);
          isFull = !isFull;
          if (isFull) return 'more';
          void turn().then(() => watching.resume());
          return 'full';
        },
        end: resolve,
      },
      () => build,
    );
  });
  t.equal(await ended, build);
  t.same(seen, [
    ['two', 2],
    ['two', 2],
    ['three', 3],
    ['three', 3],
  ]);
});

t.test('a store that is closed meanwhile ends it without a word', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const closed = () => {
    resolve();
    throw new TypeError('The database connection is not open');
  };
  follow(stored, 0, { line: () => 'more', end: () => t.fail('the build cannot be known') }, closed);
  await promise;
  // A rejection that nobody hears would fail the test now.
  await turn();
  t.pass();
});
