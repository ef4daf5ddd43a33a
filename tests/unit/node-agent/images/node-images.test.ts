/** What becomes of an image that the controller cannot bring. */
import t from 'tap';
import { Conditions } from '../../../../node-agent/conditions.ts';
import type { Driver } from '../../../../node-agent/engine/driver.ts';
import { NodeImages } from '../../../../node-agent/images/node-images.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemClock } from '../../../../seams/system.ts';
import { silent } from '../../controller/core.ts';

function world(restoreImage?: Driver['restoreImage']) {
  const ends: string[] = [];
  const settled = Promise.withResolvers<void>();
  const note = (end: string) => {
    ends.push(end);
    settled.resolve();
  };
  const deps = { driver: { ...(restoreImage && { restoreImage }) }, clock: systemClock, log: silent, metrics: silentMetrics };
  const images = new NodeImages({
    ...(deps as unknown as ConstructorParameters<typeof NodeImages>[0]),
    conditions: new Conditions(systemClock, silent),
    arrived: (image) => note(`${image} arrived`),
    gone: (image, reason) => note(`${image} gone: ${reason}`),
  });
  images.take({ kind: 'imageGone', value: { image: 'base', reason: 'nobody has it' } });
  return { images, ends, settled: settled.promise };
}

t.test('sessions wait for the node’s own copy before their image is gone', async (t) => {
  const loaded = Promise.withResolvers<boolean>();
  const { ends, settled } = world(() => loaded.promise);
  await new Promise((resolve) => setImmediate(resolve));
  t.same(ends, []);
  loaded.resolve(true);
  await settled;
  t.same(ends, ['base arrived']);
});

t.test('without a usable copy the image is gone', async (t) => {
  const damaged = async () => {
    throw new Error('unexpected EOF');
  };
  for (const restoreImage of [undefined, async () => false, damaged]) {
    const { ends, settled } = world(restoreImage);
    await settled;
    t.same(ends, ['base gone: nobody has it']);
  }
});

t.test('a node agent that ends fails no session', async (t) => {
  const { images, ends } = world(
    (_tag, signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  );
  await images.close();
  t.same(ends, []);
});
