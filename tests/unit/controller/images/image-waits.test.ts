/** What is known of images that sessions wait for. */
import t from 'tap';
import type { NodeId } from '../../../../controller/domain/engine/ids.ts';
import { ImageWaits, type ImageWaitsDeps } from '../../../../controller/services/images/image-waits.ts';
import { HandClock } from '../../hand-clock.ts';
import { NODE, OTHER_NODE } from '../core.ts';
import { sessionRow } from '../engine/session-rows.ts';

type Listener = Required<Parameters<ImageWaitsDeps['fleet']['listen']>[0]>;

function world() {
  const clock = new HandClock();
  const held = new Map<NodeId, Set<string>>();
  const listeners: Listener[] = [];
  const waits = new ImageWaits({
    clock,
    fleet: {
      listen: (listener: Listener) => void listeners.push(listener),
      stream: (id: NodeId) => ({ facts: { images: held.get(id) ?? new Set() } }),
    } as unknown as ImageWaitsDeps['fleet'],
  });
  const [fleet] = listeners;
  if (fleet === undefined) throw new Error('it does not listen');
  const pulled = (nodeId: NodeId, image: string, error = '') => fleet.imageMoved(nodeId, { image, pushed: false, error });
  const lacks = (nodeId: NodeId, image: string) => fleet.imageMissing(nodeId, sessionRow(1, { image }));
  return { clock, held, waits, fleet, pulled, lacks };
}

t.test('a wait begins with the first report, and keeps the reason of the last failure', async (t) => {
  const { clock, waits, lacks, pulled } = world();
  const since = clock.now();
  lacks(NODE, 'a');
  await clock.advance(1_000);
  lacks(NODE, 'a');
  t.same(waits.of(NODE, 'a'), { since });
  pulled(NODE, 'a', 'the line was cut');
  const failed = waits.of(NODE, 'a');
  t.same(failed, { since, failure: 'the line was cut' });
  pulled(NODE, 'a', 'the line was cut');
  t.equal(waits.of(NODE, 'a'), failed, 'nothing changed');
  waits.failed('a', 'the node moved nothing for 60 seconds');
  t.match(waits.of(NODE, 'a'), { failure: /moved nothing/ });
  pulled(OTHER_NODE, 'a', 'of another node');
  pulled(NODE, 'b', 'of another image');
  t.match(waits.of(NODE, 'a'), { failure: /moved nothing/ });
  t.equal(waits.of(NODE, 'b'), undefined, 'no session waits for it');
  t.equal(waits.of(OTHER_NODE, 'a'), undefined);
});

t.test('it ends when the image is pulled, is there, or the node goes', async (t) => {
  const { held, waits, fleet, lacks, pulled } = world();
  for (const image of ['a', 'b', 'c']) lacks(NODE, image);
  pulled(NODE, 'a');
  held.set(NODE, new Set(['b']));
  fleet.imagesChanged(NODE, []);
  t.same(
    ['a', 'b', 'c'].map((image) => waits.of(NODE, image) !== undefined),
    [false, false, true],
  );
  fleet.closed(NODE);
  t.equal(waits.of(NODE, 'c'), undefined);
});
