/** A slot on its node: a session takes it without any call of the engine, and nobody's is removed once it is not named. */
import t, { type Test } from 'tap';
import { Journal } from '../../../../journal/journal.ts';
import { Ledger } from '../../../../node-agent/ledger/ledger.ts';
import { NodeAgent } from '../../../../node-agent/node.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { HollowHost } from '../../../hollow/hollow.ts';
import type { HollowCall } from '../../../hollow/options.ts';
import { HandClock } from '../../hand-clock.ts';
import { SimulatedDisk } from '../../journal/simulated-disk.ts';
import { assigned, HandController, IMAGE } from '../hand-controller.ts';

const [SLOT, OTHER] = ['a', 'b'].map((last) => `00000000-0000-4000-8000-00000000000${last}`) as [string, string];
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const slot = (id: string) => ({ ...assigned(id), slot: true });
const last = (controller: HandController) => controller.heard('report').findLast(({ sessionId }) => sessionId === SLOT);

async function up(t: Test) {
  const clock = new HandClock();
  const calls: HollowCall[] = [];
  const callMs = (call: HollowCall) => {
    calls.push(call);
    return 0;
  };
  const host = new HollowHost({ clock, random: systemRandom, images: [IMAGE], callMs });
  const controller = new HandController(clock);
  const { journal, records } = await Journal.open({ disk: new SimulatedDisk(), directory: '/node', name: 'ledger' });
  const ledger = await Ledger.open(journal, records, 1, clock.now());
  const identity = { nodeId: 'node', clusterId: 'cluster', incarnation: 1, version: '0', hostname: 'host', capacity: {} };
  const node = new NodeAgent({
    ...{ ...identity, clock, random: systemRandom, log: quiet, driver: host, listener: host, ledger, dialer: controller },
  });
  const started = node.start();
  await clock.advance(2000);
  await started;
  t.teardown(async () => {
    const closed = node.close();
    await clock.advance(1000);
    await closed;
  });
  const set = async (assignments: ReturnType<typeof assigned>[], setId = 'set') => {
    controller.welcome(10 ** 9, 10 ** 9);
    controller.say({ kind: 'assignmentSet', value: { setId, assignments, tombstones: [], part: 0, more: false } });
    await clock.advance(100);
  };
  await set([slot(SLOT), slot(OTHER)]);
  return { clock, controller, host, calls, set };
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
  const { clock, controller, host, set } = await up(t);
  controller.say({ kind: 'assignmentChange', value: { setId: 'set', number: 1, assignments: [assigned(SLOT, 2)], tombstones: [] } });
  await clock.advance(10);
  const { dials } = controller;
  controller.hangUp();
  for (let waited = 0; controller.dials === dials && waited < 100; waited += 1) await clock.advance(1000);
  await set([], 'later');
  await clock.advance(1000);
  t.strictSame([...host.containers.keys()], [SLOT]);
});
