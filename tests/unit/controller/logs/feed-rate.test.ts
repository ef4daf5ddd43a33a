import t from 'tap';
import type { NodeId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { FeedRate, MAX_BYTES_A_SECOND } from '../../../../controller/services/logs/feed-rate.ts';

const { ofSpace, ofNode } = MAX_BYTES_A_SECOND;
const route = (space: string, node: string) => ({ space: space as SpaceId, node: node as NodeId });

t.test('spaces that are each within their rate wait for one another on a node beyond its own', async (t) => {
  let nowMs = 10_000;
  const rate = new FeedRate({ monotonic: () => nowMs });
  t.equal(rate.read(route('a', 'n'), ofSpace, 1), 0, 'what a second of less has saved');
  t.equal(rate.read(route('b', 'n'), ofSpace, 1), 0);
  t.equal(rate.read(route('c', 'n'), ofSpace, 1), (ofSpace / ofNode) * 1_000, 'the node has had more than its share');
  t.equal(rate.read(route('d', 'other'), ofSpace, 1), 0, 'another node has not');
  nowMs += 2_000;
  t.equal(rate.read(route('c', 'n'), ofSpace, 1), 0);
  t.equal(rate.read(route('c', 'other'), ofSpace, 1), 1_000, 'a space on two nodes has one rate');
  rate.forget('c' as SpaceId);
  t.equal(rate.read(route('c', 'third'), ofSpace, 1), 0);
});
