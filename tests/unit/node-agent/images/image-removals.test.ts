/** What a node does with images that the controller condemned, over an engine that is played. */
import t from 'tap';
import type { Driver, RemovalOutcome } from '../../../../node-agent/engine/driver.ts';
import { ImageRemovals } from '../../../../node-agent/images/image-removals.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemClock } from '../../../../seams/system.ts';
import { silent } from '../../controller/core.ts';

function world() {
  const calls: { readonly image: string; end(outcome: RemovalOutcome | Error): void }[] = [];
  const waiting: (() => void)[] = [];
  const used = new Set<string>();
  const driver: Pick<Driver, 'removeImage'> = {
    removeImage: (image, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', reject);
        calls.push({ image, end: (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)) });
        for (const look of waiting.splice(0)) look();
      }),
  };
  const removals = new ImageRemovals({
    ...{ driver: driver as Driver, clock: systemClock, log: silent, metrics: silentMetrics },
    isUsed: (image) => used.has(image),
  });
  const call = async (at: number) => {
    while (calls.length <= at) await new Promise<void>((resolve) => waiting.push(resolve));
    return calls[at];
  };
  return { removals, calls, used, call };
}

t.test('one image at a time, in order, and a failure does not keep the next', async (t) => {
  const { removals, calls, call } = world();
  for (const image of ['a', 'b', 'b', 'c']) removals.remove(image);
  (await call(0))?.end(new Error('the engine is away'));
  (await call(1))?.end('in-use');
  (await call(2))?.end('removed');
  t.same(
    calls.map(({ image }) => image),
    ['a', 'b', 'c'],
  );
  await removals.close();
});

t.test('an image that is used by the time of its removal stays', async (t) => {
  const { removals, calls, call, used } = world();
  for (const image of ['a', 'b', 'c']) removals.remove(image);
  const first = await call(0);
  used.add('b');
  first?.end('removed');
  (await call(1))?.end('removed');
  t.same(
    calls.map(({ image }) => image),
    ['a', 'c'],
  );
  await removals.close();
});

t.test('no more than 256 wait', async (t) => {
  const { removals, call, calls } = world();
  for (let at = 0; at < 300; at += 1) removals.remove(`image-${at}`);
  for (let at = 0; at < 257; at += 1) (await call(at))?.end('removed');
  removals.remove('last');
  t.equal((await call(257))?.image, 'last');
  calls[257]?.end('removed');
  await removals.close();
  t.equal(calls.length, 258);
});

t.test('nothing is removed after the end', async (t) => {
  const { removals, calls, call } = world();
  removals.remove('a');
  removals.remove('b');
  await call(0);
  await removals.close();
  removals.remove('c');
  t.equal(calls.length, 1);
});
