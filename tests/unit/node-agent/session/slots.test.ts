/** A slot on its node: a session takes it without any call of the engine, and nobody's is removed once it is not named. */
import t, { type Test } from 'tap';
import type { HollowCall } from '../../../hollow/options.ts';
import { assigned, type HandController } from '../hand-controller.ts';
import { handNode } from '../hand-node.ts';

const [SLOT, OTHER] = ['a', 'b'].map((last) => `00000000-0000-4000-8000-00000000000${last}`) as [string, string];
const slot = (id: string) => ({ ...assigned(id), slot: true });
const last = (controller: HandController) => controller.heard('report').findLast(({ sessionId }) => sessionId === SLOT);

async function up(t: Test) {
  const calls: HollowCall[] = [];
  const node = await handNode(t, (call) => {
    calls.push(call);
    return 0;
  });
  await node.set([slot(SLOT), slot(OTHER)]);
  return { ...node, calls };
}

t.test('a claim is answered from what is known: the guest is connected, so the engine is not asked', async (t) => {
  const { clock, controller, host, calls } = await up(t);
  t.match(last(controller), { generation: 1, phase: 'RUNNING' });
  const before = host.containers.get(SLOT)?.id;
  calls.length = 0;
  controller.say({ kind: 'assignmentChange', value: { setId: 'set', number: 1, assignments: [assigned(SLOT, 2)], tombstones: [] } });
  await clock.advance(10);
  t.match(last(controller), { generation: 2, phase: 'RUNNING' });
  t.strictSame(calls, []);
  t.equal(host.containers.get(SLOT)?.id, before);
});

t.test('a slot that ended before its claim starts again, as the session', async (t) => {
  const { clock, controller, host } = await up(t);
  host.end(SLOT);
  controller.say({ kind: 'assignmentChange', value: { setId: 'set', number: 1, assignments: [assigned(SLOT, 2)], tombstones: [] } });
  await clock.advance(5_000);
  t.match(last(controller), { generation: 2, phase: 'RUNNING' });
});

t.test('of slots that a later set does not name, only one that a session took is kept', async (t) => {
  const { clock, controller, host, set, reconnect } = await up(t);
  controller.say({ kind: 'assignmentChange', value: { setId: 'set', number: 1, assignments: [assigned(SLOT, 2)], tombstones: [] } });
  await clock.advance(10);
  await reconnect();
  await set([]);
  await clock.advance(1000);
  t.strictSame([...host.containers.keys()], [SLOT]);
});
