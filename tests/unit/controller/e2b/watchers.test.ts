import t from 'tap';
import { WAITING_BYTES, Watchers } from '../../../../controller/e2b/data/watchers.ts';
import { HandClock } from '../../hand-clock.ts';

const name = (number: number) => `${number} ${'x'.repeat(4000)}`;

async function* events(count: number, done: () => void): AsyncGenerator<object | 'ready'> {
  yield 'ready';
  for (let at = 0; at < count; at += 1) yield { name: name(at) };
  done();
  await new Promise(() => undefined);
}

t.test('events that wait are bounded in bytes, however long their paths are: the newest stay', async (t) => {
  const clock = new HandClock();
  const watchers = new Watchers(clock);
  const sent = async (sandbox: string, id: string, count: number) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    await watchers.open(sandbox, id, () => events(count, resolve));
    await promise;
  };
  const taken = async (sandbox: string, id: string) => {
    const taking = watchers.take(sandbox, id);
    await clock.advance(50);
    return (await taking) as { name: string }[];
  };
  await sent('a', '1', 1000);
  const kept = await taken('a', '1');
  t.ok(JSON.stringify(kept).length < WAITING_BYTES.watcher + 10_000);
  t.equal(kept.at(-1)?.name, name(999));
  t.same(await taken('a', '1'), []);

  await sent('small', '1', 3);
  for (let at = 0; at < 40; at += 1) await sent(`b${at}`, '1', 600);
  let all = 0;
  for (let at = 0; at < 40; at += 1) all += JSON.stringify(await taken(`b${at}`, '1')).length;
  t.ok(all < WAITING_BYTES.all + 100_000, `${all} bytes`);
  t.equal((await taken('small', '1')).length, 3, 'who has few events loses none');
});
