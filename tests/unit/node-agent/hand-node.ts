import type { Test } from 'tap';
import { Journal } from '../../../journal/journal.ts';
import { Ledger } from '../../../node-agent/ledger/ledger.ts';
import { NodeAgent } from '../../../node-agent/node.ts';
import { systemRandom } from '../../../seams/system.ts';
import { HollowHost } from '../../hollow/hollow.ts';
import type { HollowCall } from '../../hollow/options.ts';
import { HandClock } from '../hand-clock.ts';
import { SimulatedDisk } from '../journal/simulated-disk.ts';
import { type assigned, HandController, IMAGE } from './hand-controller.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * A started node agent on a hollow host, whose controller and time a test moves by hand. `callMs` is how long a call of the
 * engine takes. It is closed with the test, which takes at most `closeMs`.
 */
export async function handNode(t: Test, callMs: (call: HollowCall) => number, closeMs = 1000) {
  const clock = new HandClock();
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
    await clock.advance(closeMs);
    await closed;
  });
  /** Sends the full set of assignments, and tombstones of generation 1. */
  const set = async (assignments: ReturnType<typeof assigned>[], gone: readonly string[] = []) => {
    const tombstones = gone.map((sessionId) => ({ sessionId, upToGeneration: 1 }));
    controller.welcome(10 ** 9, 10 ** 9);
    controller.say({ kind: 'assignmentSet', value: { setId: 'set', assignments, tombstones, part: 0, more: false } });
    await clock.advance(100);
  };
  /** Ends the stream, and waits until the node dials again. */
  const reconnect = async () => {
    const { dials } = controller;
    controller.hangUp();
    for (let waited = 0; controller.dials === dials && waited < 100; waited += 1) await clock.advance(1000);
  };
  return { clock, host, controller, set, reconnect };
}
