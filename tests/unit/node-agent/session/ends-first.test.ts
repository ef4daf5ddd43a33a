import t, { type Test } from 'tap';
import { Journal } from '../../../../journal/journal.ts';
import { Ledger } from '../../../../node-agent/ledger/ledger.ts';
import { NodeAgent } from '../../../../node-agent/node.ts';
import { ENDS_WITHIN_MS } from '../../../../node-agent/session/ends-first.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { HollowHost } from '../../../hollow/hollow.ts';
import type { HollowCall } from '../../../hollow/options.ts';
import { HandClock } from '../../hand-clock.ts';
import { SimulatedDisk } from '../../journal/simulated-disk.ts';
import { assigned, HandController, IMAGE } from '../hand-controller.ts';

const [OLD, GONE, NEW] = ['a', 'b', 'c'].map((last) => `00000000-0000-4000-8000-00000000000${last}`) as [string, string, string];
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** A node on which two sessions run, whose stream has ended. A container takes so long to be removed. */
async function away(t: Test, removalMs: number) {
  const clock = new HandClock();
  const disk = new SimulatedDisk();
  const callMs = (call: HollowCall) => (call === 'removeContainer' ? removalMs : 0);
  const host = new HollowHost({ clock, random: systemRandom, images: [IMAGE], callMs });
  const controller = new HandController(clock);
  const { journal, records } = await Journal.open({ disk, directory: '/node', name: 'ledger' });
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
    await clock.advance(removalMs);
    await closed;
  });
  const set = async (assignments: ReturnType<typeof assigned>[], gone: readonly string[] = []) => {
    const tombstones = gone.map((sessionId) => ({ sessionId, upToGeneration: 1 }));
    controller.welcome(10 ** 9, 10 ** 9);
    controller.say({ kind: 'assignmentSet', value: { setId: 'set', assignments, tombstones, part: 0, more: false } });
    await clock.advance(100);
  };
  await set([assigned(OLD), assigned(GONE)]);
  t.same([...host.containers.keys()].sort(), [OLD, GONE]);
  const { dials } = controller;
  controller.hangUp();
  for (let waited = 0; controller.dials === dials && waited < 100; waited += 1) await clock.advance(1000);
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
