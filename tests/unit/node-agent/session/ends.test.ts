import t from 'tap';
import { DISK_FULL_EXIT } from '../../../../guest/volume/disk-full.ts';
import { Journal } from '../../../../journal/journal.ts';
import { describeExit, type Exit } from '../../../../node-agent/domain/container-end.ts';
import { afterEnds, ENDS_COUNT_FOR_MS } from '../../../../node-agent/domain/restart-delay.ts';
import { Ledger } from '../../../../node-agent/ledger/ledger.ts';
import { NodeAgent } from '../../../../node-agent/node.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { HollowHost } from '../../../hollow/hollow.ts';
import { HandClock } from '../../hand-clock.ts';
import { SimulatedDisk } from '../../journal/simulated-disk.ts';
import { assigned, HandController, IMAGE } from '../hand-controller.ts';

const S = '00000000-0000-4000-8000-00000000000a';
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

t.test('the longer the row of ends, the later the start; the fifth in ten minutes is the last', async (t) => {
  const now = 10_000_000;
  for (const [ends, expected] of [
    [[], 0],
    [[now], 0],
    [[now - 5, now], 1000],
    [[now - 9, now - 5, now - 400], 1600],
    [[now - 9, now - 5, now - 2, now], 4000],
    [[now - 9, now - 8, now - 7, now - 6, now], 3000],
    [[now - 9, now - 8, now - 7, now - 6, now - 3000], 'give-up'],
    [[now - ENDS_COUNT_FOR_MS, now - 8, now - 7, now - 6, now - 5000], 0],
    [[now + 60_000, now + 60_001, now + 60_002, now + 60_003, now + 60_004], 0],
  ] as const) {
    t.equal(afterEnds(ends, now), expected, ends.map((at) => at - now).join());
  }
});

t.test('an end is described for a person', async (t) => {
  t.equal(describeExit({ code: 137, outOfMemory: false }), 'with exit code 137 (killed)');
  t.equal(describeExit({ code: 137, outOfMemory: true }), 'with exit code 137 (killed, perhaps out of memory)');
  t.equal(describeExit({ code: 3, outOfMemory: true }), 'with exit code 3', 'a child was killed for memory, earlier');
  t.equal(describeExit({ code: 3, outOfMemory: false }), 'with exit code 3');
  t.equal(describeExit({ code: DISK_FULL_EXIT, outOfMemory: false }), 'with exit code 28 (the disk is full)', 'as a guest ends then');
  t.equal(describeExit(undefined), 'because something other than the node agent removed it');
});

/** A host under a simulated clock and a controller, on which node agents are started one after the other. */
function machine() {
  const clock = new HandClock();
  const disk = new SimulatedDisk();
  const host = new HollowHost({ clock, random: systemRandom, images: [IMAGE] });
  const controller = new HandController(clock);
  let set = 0;
  let welcomed = 0;
  return {
    ...{ clock, host, controller },
    async start(ledgerName = 'ledger') {
      const { journal, records } = await Journal.open({ disk, directory: '/node', name: ledgerName });
      const identity = { nodeId: 'node', clusterId: 'cluster', incarnation: 1, version: '0', hostname: 'host', capacity: {} };
      const ledger = await Ledger.open(journal, records, 1, clock.now());
      const seams = { clock, random: systemRandom, log: quiet };
      const node = new NodeAgent({ ...identity, ...seams, driver: host, listener: host, ledger, dialer: controller });
      const started = node.start();
      await clock.advance(2000);
      await started;
      return node;
    },
    async close(node: NodeAgent) {
      const closed = node.close();
      await clock.advance(1000);
      await closed;
    },
    /** The whole of what should be. */
    async assign(...assignments: ReturnType<typeof assigned>[]) {
      if (welcomed !== controller.dials) controller.welcome(10 ** 9, 10 ** 9);
      welcomed = controller.dials;
      set += 1;
      controller.say({ kind: 'assignmentSet', value: { setId: `set ${set}`, assignments, tombstones: [], part: 0, more: false } });
      await clock.advance(100);
    },
    /** Its container ends, so often, each time that it runs again. */
    async end(times: number, exit?: Exit) {
      for (let count = 0; count < times; count += 1) {
        host.end(S, exit);
        for (let waited = 0; waited < 100 && host.containers.get(S)?.state !== 'running'; waited += 1) await clock.advance(100);
      }
    },
    phase: () => controller.heard('report').at(-1),
  };
}

t.test(
  'the fifth end within ten minutes fails the session with its reason, also when the node agent was started anew between',
  async (t) => {
    const { clock, host, controller, start, close, assign, end, phase } = machine();
    const first = await start();
    await assign(assigned(S));
    await end(3);
    t.match(phase(), { phase: 'RUNNING' });
    await close(first);

    const second = await start();
    t.teardown(() => close(second));
    await assign(assigned(S));
    await end(1);
    t.match(phase(), { phase: 'RUNNING' });
    host.end(S, { code: 137, outOfMemory: false });
    await clock.advance(2000);
    t.match(phase(), { phase: 'STARTING' });
    await clock.advance(2000);
    const reason = 'Its container ended five times in ten minutes, last with exit code 137 (killed).';
    t.match(phase(), { phase: 'FAILED', generation: 1, reason });

    await assign(assigned(S, 2, 'DESIRED_FAILED', true));
    t.equal(host.containers.size, 0);
    await assign(assigned(S, 3, 'DESIRED_RUNNING', true));
    t.match(phase(), { phase: 'RUNNING', generation: 3 });
    await end(4);
    t.match(phase(), { phase: 'RUNNING', generation: 3 }, 'counted anew');
    t.ok(controller.heard('report').length > 0);
  },
);

t.test(
  'neither a pause nor a suspend between them makes five ends fewer; a recovery does, also one that the node hears of late',
  async (t) => {
    const { clock, start, close, assign, end, phase } = machine();
    const node = await start();
    t.teardown(() => close(node));
    await assign(assigned(S));
    await end(2);
    await assign(assigned(S, 2, 'DESIRED_PAUSED', true));
    await assign(assigned(S, 3, 'DESIRED_RUNNING', true));
    await end(2);
    await assign(assigned(S, 4, 'DESIRED_SUSPENDED', true));
    await clock.advance(10_000);
    await assign(assigned(S, 5, 'DESIRED_RUNNING', true));
    t.match(phase(), { phase: 'RUNNING', generation: 5 });
    await end(1);
    const reason = /^Its container ended five times in ten minutes/;
    t.match(phase(), { phase: 'FAILED', generation: 5, reason });

    await assign(assigned(S, 7, 'DESIRED_RUNNING', true));
    t.match(phase(), { phase: 'RUNNING', generation: 7 }, 'that it was given up was never said');
    await end(4);
    t.match(phase(), { phase: 'RUNNING', generation: 7 }, 'counted anew');
    await end(1);
    await assign(assigned(S, 8, 'DESIRED_FAILED', true));
    await assign(assigned(S, 9, 'DESIRED_RUNNING', true));
    await end(4);
    t.match(phase(), { phase: 'RUNNING', generation: 9 }, 'counted anew');
  },
);

t.test('removals from outside count, ends that are ten minutes apart or asked for do not, nor those of the engine', async (t) => {
  const { clock, host, controller, start, close, assign, end, phase } = machine();
  const node = await start();
  t.teardown(() => close(node));
  await assign(assigned(S));
  for (let count = 0; count < 6; count += 1) {
    await end(1);
    await clock.advance(200_000);
  }
  t.match(phase(), { phase: 'RUNNING' }, 'too far apart');
  await clock.advance(600_000);
  await end(4);
  await clock.advance(30_000);
  for (let count = 0; count < 3; count += 1) {
    host.restartEngine(count > 0);
    await clock.advance(10_000);
    t.match(phase(), { phase: 'RUNNING' }, 'the engine was started anew');
  }
  host.lose(S);
  await clock.advance(5000);
  t.match(phase(), { phase: 'FAILED', reason: /last because something other than the node agent removed it/ });
  t.equal(controller.heard('report').filter((report) => report.phase === 'FAILED').length, 1);
});

t.test('a container that was asked to go is no end', async (t) => {
  const { clock, start, close, assign, phase } = machine();
  const node = await start();
  t.teardown(() => close(node));
  for (let generation = 1; generation < 16; generation += 2) {
    await assign(assigned(S, generation, 'DESIRED_RUNNING'));
    t.match(phase(), { phase: 'RUNNING', generation });
    await assign(assigned(S, generation + 1, 'DESIRED_SUSPENDED'));
    await clock.advance(10_000);
    t.match(phase(), { phase: 'SUSPENDED', generation: generation + 1 });
  }
});

t.test('a ledger that was lost adopts at the generation that is said, touches nothing, and still is the later one', async (t) => {
  const { clock, host, controller, start, close, assign, phase } = machine();
  const first = await start();
  await assign(assigned(S));
  const before = host.containers.get(S);
  const boot = controller.heard('hello')[0]?.boot ?? 0;
  await close(first);
  await clock.advance(60_000);

  const second = await start('another ledger');
  t.teardown(() => close(second));
  t.match(controller.heard('inventory'), [{ sessions: [], orphans: [{ sessionId: S, generation: 1, containerId: before?.id }] }]);
  t.ok((controller.heard('hello')[0]?.boot ?? 0) > boot);
  t.equal(host.containers.get(S), before);
  await assign(assigned(S, 7, 'DESIRED_RUNNING', true));
  t.match(phase(), { phase: 'RUNNING', generation: 7, containerId: before?.id });
  t.equal(host.containers.get(S), before);
  t.match(controller.heard('orphans').at(-1), { orphans: [] }, 'it is none any more');
});

t.test('an orphan is told of when it turns up, and goes by a tombstone', async (t) => {
  const { clock, host, controller, start, close, assign } = machine();
  const node = await start();
  t.teardown(() => close(node));
  await assign(assigned(S));
  await assign();
  t.match(controller.heard('orphans'), [
    { orphans: [{ sessionId: S, volume: `raworc_session_data_${S}`, space: 'default', image: IMAGE }] },
  ]);
  host.lose(S);
  await clock.advance(100);
  t.match(controller.heard('orphans').at(-1), { orphans: [{ sessionId: S, containerId: '' }] });
  const tombstones = [{ sessionId: S, upToGeneration: 9 }];
  controller.say({ kind: 'assignmentSet', value: { setId: 'last', assignments: [], tombstones, part: 0, more: false } });
  await clock.advance(100);
  t.match(controller.heard('orphans').at(-1), { orphans: [] });
  t.match(controller.heard('removed'), tombstones);
  t.equal(host.volumes.size, 0);
});

t.test('a container that the engine fails to start is made anew on its volume', async (t) => {
  const { clock, host, start, close, assign, phase } = machine();
  const node = await start();
  t.teardown(() => close(node));
  await assign(assigned(S));
  const before = host.containers.get(S)?.id;
  const volume = host.volumes.get(S);
  const starts = host.start.bind(host);
  host.start = async (sessionId, signal) => {
    if (host.containers.get(sessionId)?.id === before) return { ok: false, why: 'failed', reason: 'file exists' };
    return starts(sessionId, signal);
  };
  host.end(S);
  await clock.advance(3000);
  t.match(phase(), { phase: 'RUNNING' });
  t.not(host.containers.get(S)?.id, before);
  t.equal(host.volumes.get(S), volume);
});

t.test(
  'an engine that fails five times in a row, each later than the last, fails the session; the next generation begins anew',
  async (t) => {
    const { clock, host, start, close, assign, phase } = machine();
    const node = await start();
    t.teardown(() => close(node));
    let calls = 0;
    const starts = host.start.bind(host);
    host.start = async () => {
      calls += 1;
      return { ok: false, why: 'failed', reason: 'Docker refused: out of order' };
    };
    await assign(assigned(S));
    await clock.advance(14_000);
    t.same([calls, phase()?.phase], [4, 'STARTING']);
    await clock.advance(2000);
    t.match(phase(), { phase: 'FAILED', reason: 'Docker refused: out of order' });
    host.start = starts;
    await assign(assigned(S, 2));
    t.match(phase(), { phase: 'RUNNING', generation: 2 });
  },
);
