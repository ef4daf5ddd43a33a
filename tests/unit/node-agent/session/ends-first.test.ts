import t, { type Test } from 'tap';
import { ENDS_WITHIN_MS } from '../../../../node-agent/session/ends-first.ts';
import { assigned } from '../hand-controller.ts';
import { handNode } from '../hand-node.ts';

const [OLD, GONE, NEW] = ['a', 'b', 'c'].map((last) => `00000000-0000-4000-8000-00000000000${last}`) as [string, string, string];

/** A node on which two sessions run, whose stream has ended. A container takes so long to be removed. */
async function away(t: Test, removalMs: number) {
  const { clock, host, controller, set, reconnect } = await handNode(t, (call) => (call === 'removeContainer' ? removalMs : 0), removalMs);
  await set([assigned(OLD), assigned(GONE)]);
  t.same([...host.containers.keys()].sort(), [OLD, GONE]);
  await reconnect();
  const there = () => [...host.containers.keys()].sort();
  return { clock, controller, set, there };
}

t.test('a node that returns stops what is no longer its own before it starts anything', async (t) => {
  const { clock, set, there } = await away(t, 5_000);
  await set([assigned(OLD, 2, 'DESIRED_FAILED', true), assigned(NEW)], [GONE]);
  t.same(there(), [OLD, GONE], 'both are being stopped, and nothing begins');
  await clock.advance(4_000);
  t.same(there(), [OLD, GONE]);
  await clock.advance(2_000);
  t.same(there(), [NEW]);
});

t.test('a container that cannot be stopped holds back the others for a while only', async (t) => {
  const { clock, set, there } = await away(t, 2 * ENDS_WITHIN_MS);
  await set([assigned(OLD, 2, 'DESIRED_FAILED', true), assigned(GONE), assigned(NEW)]);
  await clock.advance(ENDS_WITHIN_MS - 1_000);
  t.same(there(), [OLD, GONE]);
  await clock.advance(1_000);
  t.same(there(), [OLD, GONE, NEW]);
});

t.test('a session that ends later holds back none', async (t) => {
  const { clock, controller, set, there } = await away(t, 5_000);
  await set([assigned(OLD), assigned(GONE)]);
  const assignments = [assigned(OLD, 2, 'DESIRED_FAILED', true), assigned(NEW)];
  controller.say({ kind: 'assignmentChange', value: { setId: 'set', number: 1, assignments, tombstones: [] } });
  await clock.advance(100);
  t.same(there(), [OLD, GONE, NEW]);
});
