import t, { type Test } from 'tap';
import { Journal } from '../../../../journal/journal.ts';
import { nextStep } from '../../../../node-agent/domain/next-step.ts';
import type { ContainerSeen, Desired, Observed, Remembered, VolumeSeen } from '../../../../node-agent/domain/session.ts';
import { nameOf } from '../../../../node-agent/domain/step.ts';
import { Ledger } from '../../../../node-agent/ledger/ledger.ts';
import { NodeAgent } from '../../../../node-agent/node.ts';
import { orphanOf } from '../../../../node-agent/session/status.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { HollowHost } from '../../../hollow/hollow.ts';
import { HandClock } from '../../hand-clock.ts';
import { SimulatedDisk } from '../../journal/simulated-disk.ts';
import { assigned, HandController, IMAGE } from '../hand-controller.ts';

const PARENT = '00000000-0000-4000-8000-00000000000a';
const COPY = '00000000-0000-4000-8000-00000000000c';
/** More operations than any story takes. */
const LAST = 200;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

const nothing: Observed = { container: undefined, volume: undefined, listening: false, guest: false, drain: 'none' };
const volume: VolumeSeen = { name: 'v', generation: 1 };
const box = (state: ContainerSeen['state']): ContainerSeen => ({ id: 'c', state, generation: 1 });
const blank = { tombstone: undefined, removalDue: false, creating: undefined, volumeCreated: false, failed: undefined, confirmed: true };
const wanted = (desired: Desired): Remembered => ({ ...blank, assignment: { generation: 1, desired } });
const due = (desired: Desired): Remembered => ({ ...wanted(desired), copyDue: true });

t.test('each step of a copy, on both sides', async (t) => {
  const begun = { ...due('running'), copying: 'begun' } as const;
  const holding = { ...due('running'), copying: 'holding' } as const;
  const held = (desired: Desired) => ({ ...wanted(desired), copied: 'under-way' }) as const;
  const up: Observed = { ...nothing, volume, listening: true, guest: true, container: box('running') };
  const frozen: Observed = { ...up, container: box('paused') };
  const rows: readonly [string, Remembered, Observed, string][] = [
    ['nothing is there', due('running'), nothing, 'create-volume'],
    ['a volume', due('running'), { ...nothing, volume }, 'prepare-copy'],
    ['a volume, to be suspended', due('suspended'), { ...nothing, volume }, 'prepare-copy'],
    ['a volume, to be paused', due('paused'), { ...nothing, volume }, 'prepare-copy'],
    ['given up', due('failed'), { ...nothing, volume }, 'rest FAILED'],
    ['before the controller has spoken', { ...due('running'), confirmed: false }, { ...nothing, volume }, 'rest STARTING'],
    ['its source has no container', held('running'), { ...nothing, volume, listening: true }, 'rest STARTING'],
    ['what copies waits', begun, { ...nothing, volume, copy: 'ready' }, 'hold-source'],
    ['its volume is lost before it is read', begun, { ...nothing, copy: 'ready' }, 'end-copy'],
    ['its volume is lost while it is read', holding, { ...nothing, copy: 'running', source: 'still' }, 'end-copy'],
    ['its volume is lost, and what copied too', begun, nothing, 'end-copy'],
    ['what copies is gone', begun, { ...nothing, volume, copy: 'none' }, 'prepare-copy'],
    ['the source still runs', holding, { ...nothing, volume, copy: 'ready', source: 'moving' }, 'rest STARTING'],
    ['the source is still', holding, { ...nothing, volume, copy: 'ready', source: 'still' }, 'start-copy'],
    ['the source is gone', holding, { ...nothing, volume, copy: 'ready', source: 'gone' }, 'fail'],
    ['it is read', holding, { ...nothing, volume, copy: 'running', source: 'still' }, 'rest STARTING'],
    ['all is read', holding, { ...nothing, volume, copy: 'flushing', source: 'still' }, 'release-source'],
    ['the rest is written', begun, { ...nothing, volume, copy: 'flushing' }, 'rest STARTING'],
    ['it is whole', begun, { ...nothing, volume, copy: 'copied' }, 'keep-copy'],
    [
      'it is whole, before the controller has spoken',
      { ...holding, confirmed: false },
      { ...nothing, volume, copy: 'copied' },
      'keep-copy',
    ],
    ['it is half', holding, { ...nothing, volume, copy: 'broken' }, 'end-copy'],
    ['what nobody began', due('running'), { ...nothing, volume, copy: 'copied' }, 'end-copy'],
    ['an old ledger, what copied is gone', { ...holding, confirmed: false }, { ...nothing, volume, copy: 'none' }, 'end-copy'],
    ['an old ledger, it goes on', { ...holding, confirmed: false }, { ...nothing, volume, copy: 'ready', source: 'still' }, 'start-copy'],
    ['given up in the middle', { ...holding, ...due('failed'), copying: 'holding' }, { ...nothing, volume, copy: 'running' }, 'end-copy'],
    ['failed in the middle', { ...holding, failed: 1 }, { ...nothing, volume, copy: 'running' }, 'end-copy'],
    ['no longer assigned', { ...blank, assignment: undefined, copying: 'begun' }, { ...nothing, volume, copy: 'ready' }, 'end-copy'],
    [
      'buried in the middle',
      { ...blank, assignment: undefined, copying: 'holding', tombstone: 1, removalDue: true },
      { ...nothing, volume, copy: 'running' },
      'end-copy',
    ],
    ['a volume that is whole', { ...wanted('running'), volumeCreated: true }, { ...nothing, volume, listening: true }, 'create-container'],

    ['the source runs', held('running'), up, 'freeze'],
    ['the source is frozen', { ...held('running'), frozen: true }, frozen, 'rest RUNNING'],
    ['the source is let go', { ...wanted('running'), frozen: true }, frozen, 'unpause'],
    ['let go before the controller has spoken', { ...wanted('running'), frozen: true, confirmed: false }, frozen, 'unpause'],
    ['frozen by the controller’s word, and not by ours', { ...wanted('running'), confirmed: false }, frozen, 'rest PAUSED'],
    ['the source has ended', held('running'), { ...up, container: box('exited') }, 'rest STARTING'],
    ['the source is to be paused', { ...held('paused'), frozen: true }, frozen, 'rest PAUSED'],
    ['the source is to be suspended', { ...held('suspended'), frozen: true }, frozen, 'rest PAUSED'],
    ['the source is to be suspended, and still runs', held('suspended'), up, 'drain'],
    ['the source failed', held('failed'), frozen, 'remove-container'],
    ['a copy is only due', { ...wanted('running'), copied: 'due' }, up, 'rest RUNNING'],
    [
      'the source is buried',
      { ...blank, assignment: undefined, tombstone: 1, removalDue: true, copied: 'due' },
      { ...nothing, volume },
      'rest',
    ],
    [
      'the source is buried and copied',
      { ...blank, assignment: undefined, tombstone: 1, removalDue: true },
      { ...nothing, volume },
      'remove-volume',
    ],
  ];
  for (const [name, remembered, observed, expected] of rows) {
    const step = nextStep(remembered, observed);
    t.equal(step.kind === 'rest' ? `rest ${step.phase ?? ''}`.trim() : nameOf(step), expected, name);
  }
});

type Assigned = ReturnType<typeof assigned>;

/** A host and its disk, on which node agents start one after the other; operation `dieAt` of the engine or the disk is the last of its process. */
class World {
  readonly clock = new HandClock();
  readonly disk = new SimulatedDisk();
  readonly controller = new HandController(this.clock);
  readonly host: HollowHost;
  readonly tooEarly: string[] = [];
  operations = 0;
  dieAt = 0;
  /** At an operation: the engine is killed instead. */
  engineDiesAt = 0;
  #dead = false;
  #sets = 0;
  #welcomed = 0;
  #node: NodeAgent | undefined;

  constructor(copyMs = 50) {
    const fault = (call: string, sessionId: string) => {
      this.operation();
      if (call === 'createContainer' && sessionId === COPY && this.host.copier.made.get(COPY) !== PARENT) this.tooEarly.push(call);
    };
    this.host = new HollowHost({ clock: this.clock, random: systemRandom, images: [IMAGE], copyMs: () => copyMs, fault });
    this.disk.onOperation = () => this.operation();
  }

  operation(): void {
    if (!this.#dead) {
      this.operations += 1;
      if (this.operations === this.engineDiesAt) this.clock.soon(() => this.host.restartEngine(true));
      this.#dead = this.operations === this.dieAt;
    }
    if (this.#dead) throw new Error('the process is dead');
  }

  get died(): boolean {
    return this.#dead;
  }

  async start(): Promise<void> {
    this.#dead = false;
    const { clock, disk, host } = this;
    const { journal, records } = await Journal.open({ disk, directory: '/node', name: 'ledger' });
    const identity = { nodeId: 'node', clusterId: 'cluster', incarnation: 1, version: '0', hostname: 'host', capacity: {} };
    const ledger = await Ledger.open(journal, records, 1, clock.now());
    const seams = { clock, random: systemRandom, log: quiet };
    this.#node = new NodeAgent({ ...identity, ...seams, driver: host, listener: host, ledger, dialer: this.controller });
    const started = this.#node.start();
    await clock.advance(2000);
    await started;
  }

  async end(): Promise<void> {
    const closed = this.#node?.close();
    await this.clock.advance(1000);
    await closed;
    this.disk.killProcess();
  }

  async say(assignments: Assigned[], tombstones: { sessionId: string; upToGeneration: number }[] = [], ms = 5000): Promise<void> {
    this.#sets += 1;
    if (this.#welcomed !== this.controller.dials) this.controller.welcome(10 ** 9, 10 ** 9);
    this.#welcomed = this.controller.dials;
    this.controller.say({ kind: 'assignmentSet', value: { setId: `set ${this.#sets}`, assignments, tombstones, part: 0, more: false } });
    await this.clock.advance(ms);
  }

  phases(sessionId: string): string[] {
    return this.controller.heard('report').flatMap((report) => (report.sessionId === sessionId ? [report.phase] : []));
  }
}

const copyOf = (more: Partial<Assigned> = {}): Assigned => ({ ...assigned(COPY), copyFrom: PARENT, ...more });

t.test('a running parent is frozen for the reading alone, and nobody is told that it was', async (t) => {
  const world = new World(10_000);
  await world.start();
  t.teardown(() => world.end());
  await world.say([assigned(PARENT)]);
  t.same(world.phases(PARENT).at(-1), 'RUNNING');
  await world.say([assigned(PARENT), copyOf()]);
  t.match(world.host.containers.get(PARENT), { state: 'paused' });
  t.equal(world.host.containers.get(COPY), undefined);
  await world.clock.advance(7000);
  t.match(world.host.containers.get(PARENT), { state: 'running' }, 'all is read');
  t.equal(world.host.containers.get(COPY), undefined, 'and not yet on the disk');
  await world.clock.advance(10_000);
  t.match(world.host.containers.get(COPY), { state: 'running' });
  t.same(new Set(world.phases(PARENT)), new Set(['STARTING', 'RUNNING']));
  t.same([...new Set(world.phases(COPY))], ['STARTING', 'RUNNING']);
  t.same([world.host.copier.list(), [...world.host.copier.torn], world.tooEarly], [[], [], []]);
});

t.test('a source whose volume is gone fails the copy, and lets a later generation try again', async (t) => {
  const world = new World();
  await world.start();
  t.teardown(() => world.end());
  await world.say([copyOf()]);
  t.match(world.controller.heard('report').at(-1), { sessionId: COPY, phase: 'FAILED', reason: /missing/ });
  await world.say([copyOf({ generation: 2, desired: 'DESIRED_FAILED' })]);
  await world.say([assigned(PARENT)]);
  await world.say([assigned(PARENT), copyOf({ generation: 3 })]);
  t.same(world.phases(COPY).at(-1), 'RUNNING');
  t.equal(world.host.copier.made.get(COPY), PARENT);
});

t.test('a copy whose own volume is lost while it is made is made again, whole', async (t) => {
  for (const afterMs of [5000, 12_000]) {
    const world = new World(10_000);
    await world.start();
    await world.say([assigned(PARENT)]);
    await world.say([assigned(PARENT), copyOf()], [], afterMs);
    world.host.loseVolume(COPY);
    await world.clock.advance(60_000);
    t.match(world.host.containers.get(COPY), { state: 'running' });
    t.equal(world.host.copier.made.get(COPY), PARENT, `lost after ${afterMs} ms`);
    t.match(world.host.containers.get(PARENT), { state: 'running' });
    t.same([[...world.host.copier.torn], world.tooEarly], [[], []]);
    await world.end();
  }
});

t.test('a source whose volume is lost while it is read fails the copy', async (t) => {
  const world = new World(4000);
  await world.start();
  t.teardown(() => world.end());
  await world.say([assigned(PARENT)]);
  await world.say([assigned(PARENT), copyOf()], [], 2000);
  t.match(world.host.containers.get(PARENT), { state: 'paused' }, 'it is being read');
  world.host.loseVolume(PARENT);
  await world.clock.advance(60_000);
  const failed = { sessionId: COPY, phase: 'FAILED', reason: /could not be copied/ };
  t.match(
    world.controller
      .heard('report')
      .filter(({ sessionId }) => sessionId === COPY)
      .at(-1),
    failed,
  );
  t.equal(world.host.containers.get(COPY), undefined);
});

t.test('a copy of what is to become a copy itself waits for that, and fails with it', async (t) => {
  const SECOND = '00000000-0000-4000-8000-00000000000d';
  const second = { ...assigned(SECOND), copyFrom: COPY };
  for (const parents of [[assigned(PARENT)], []]) {
    const world = new World();
    await world.start();
    // As after a restore, which does not know whether it ever ran.
    const restored = copyOf({ spec: { ...assigned(COPY).spec, volumeExpected: true } });
    await world.say([second, restored, ...parents], [], 20_000);
    const [end, made] = parents.length > 0 ? ['RUNNING', [PARENT, COPY]] : ['FAILED', [undefined, undefined]];
    t.same([world.phases(COPY).at(-1), world.phases(SECOND).at(-1)], [end, end]);
    t.same([world.host.copier.made.get(COPY), world.host.copier.made.get(SECOND)], made);
    t.same([...world.host.copier.torn], []);
    await world.end();
  }
});

t.test('of a session that was removed nothing is at work when it comes back', async (t) => {
  const world = new World(4000);
  await world.start();
  t.teardown(() => world.end());
  await world.say([assigned(PARENT)]);
  await world.say([assigned(PARENT), copyOf()], [], 8500);
  t.equal(world.phases(COPY).at(-1), 'RUNNING');
  await world.say([assigned(PARENT)], [{ sessionId: COPY, upToGeneration: 1 }], 2000);
  t.notOk(world.host.volumes.has(COPY));
  await world.say([assigned(PARENT), copyOf({ generation: 3 })], [], 3700);
  t.match(world.host.containers.get(PARENT), { state: 'paused' }, 'it is still being read');
  await world.clock.advance(10_000);
  t.same([...world.host.copier.torn], []);
});

t.test('a copy that was made, and removed, is not made again when a backup brings it back', async (t) => {
  for (const isMadeFirst of [true, false]) {
    const world = new World();
    await world.start();
    await world.say(isMadeFirst ? [assigned(PARENT), copyOf()] : [assigned(PARENT)], [], 20_000);
    await world.say([assigned(PARENT)], [{ sessionId: COPY, upToGeneration: 1 }], 2000);
    t.notOk(world.host.volumes.has(COPY));
    await world.end();
    await world.start();
    world.host.copier.made.clear();
    // A restored store knows of no session whether it ever ran.
    await world.say([assigned(PARENT), copyOf({ generation: 1000, spec: { ...assigned(COPY).spec, volumeExpected: true } })], [], 20_000);
    t.equal(world.phases(COPY).at(-1), isMadeFirst ? 'FAILED' : 'RUNNING');
    t.equal(world.host.copier.made.get(COPY), isMadeFirst ? undefined : PARENT);
    await world.end();
  }
});

t.test('a copy that takes too long is given up, and its parent goes on', async (t) => {
  const world = new World(10 ** 9);
  await world.start();
  t.teardown(() => world.end());
  await world.say([assigned(PARENT)]);
  await world.say([assigned(PARENT), copyOf()]);
  t.match(world.host.containers.get(PARENT), { state: 'paused' });
  await world.clock.advance(601_000);
  t.match(world.controller.heard('report').at(-1), { sessionId: COPY, phase: 'FAILED', reason: /longer than 10 minutes/ });
  t.match(world.host.containers.get(PARENT), { state: 'running' });
  t.same(world.host.copier.list(), []);
});

t.test('the parent of a deleted copy stays frozen until the engine has ended the copy', async (t) => {
  const world = new World(10_000);
  await world.start();
  t.teardown(() => world.end());
  const { host } = world;
  let isBroken = true;
  let failures = 0;
  const volume = host.volume.bind(host);
  host.volume = async (work, signal) => {
    if (work.kind !== 'end-copy' || !isBroken) return volume(work, signal);
    failures += 1;
    return { ok: false, why: 'failed', reason: 'the engine is out of order' };
  };
  await world.say([assigned(PARENT)]);
  await world.say([assigned(PARENT), copyOf()], [], 1000);
  await world.say([assigned(PARENT)], [{ sessionId: COPY, upToGeneration: 1 }], 2000);
  t.ok(failures > 0);
  t.match(host.containers.get(PARENT), { state: 'paused' });
  t.same(host.copier.list(), [COPY], 'it is still being read');
  isBroken = false;
  await world.clock.advance(60_000);
  t.same([host.copier.list(), [...host.copier.torn]], [[], []]);
  t.match(host.containers.get(PARENT), { state: 'running' });
  t.notOk(host.volumes.has(COPY));
});

t.test('a source that is gone fails the copy at once, even if the node agent dies at any moment', async (t) => {
  let at = 0;
  for (let isOver = false; !isOver && at < LAST; at += 1) {
    const world = new World();
    await world.start();
    await world.say([]);
    world.operations = 0;
    world.dieAt = at + 1;
    await world.say([copyOf()]);
    isOver = world.operations < at + 1;
    if (world.died) {
      await world.end();
      world.dieAt = 0;
      await world.start();
      await world.say([copyOf()]);
    }
    await world.clock.advance(30_000);
    // Right after a restart, it is in the inventory.
    const heard = [...world.controller.heard('inventory').flatMap(({ sessions }) => sessions), ...world.controller.heard('report')];
    t.match(heard.at(-1), { sessionId: COPY, phase: 'FAILED', reason: /is missing on the node/ }, `${at}: it has failed`);
    t.same(world.host.copier.list(), [], `${at}: what copied is gone`);
    await world.end();
  }
  t.ok(at > 10 && at < LAST, `${at} operations`);
});

type Trouble = 'dieAt' | 'engineDiesAt';

/** The same story, with the trouble at each of its operations in turn. */
function sweep(
  name: string,
  trouble: Trouble,
  before: Assigned,
  after: (world: World) => Promise<void>,
  check: (t: Test, world: World) => void,
): void {
  t.test(name, async (t) => {
    let at = 0;
    for (let over = false; !over && at < LAST; at += 1) {
      const world = new World();
      await world.start();
      await world.say([assigned(PARENT)]);
      if (before.desired !== 'DESIRED_RUNNING') await world.say([before]);
      world.operations = 0;
      world[trouble] = at + 1;
      await after(world);
      over = world.operations < at + 1;
      if (world.died) {
        await world.end();
        world.dieAt = 0;
        await world.start();
        const { state } = world.host.containers.get(PARENT) ?? {};
        if (world.host.copier.torn.size === 0 && before.desired === 'DESIRED_RUNNING' && !world.host.copier.list().length)
          t.not(state, 'paused', `${at}: frozen no longer, though the controller has not spoken yet`);
        await after(world);
      }
      await world.clock.advance(60_000);
      t.same([...world.host.copier.torn], [], `${at}: nothing ran while it was copied`);
      t.same(world.tooEarly, [], `${at}: nothing was made on half a copy`);
      t.same(world.host.copier.list(), [], `${at}: what copied is gone`);
      t.equal(world.host.copier.made.get(COPY), PARENT, `${at}: it is a whole copy`);
      t.match(world.host.containers.get(COPY), { state: 'running' }, `${at}: it runs`);
      check(t, world);
      await world.end();
    }
    t.ok(at > 10 && at < LAST, `${at} operations`);
  });
}

sweep(
  'a node agent that dies at any moment: the copy is whole, and the parent runs',
  'dieAt',
  assigned(PARENT),
  (world) => world.say([assigned(PARENT), copyOf()]),
  (t, world) => t.match(world.host.containers.get(PARENT), { state: 'running' }),
);
sweep(
  'an engine that is killed at any moment: the copy is whole, and the parent runs',
  'engineDiesAt',
  assigned(PARENT),
  (world) => world.say([assigned(PARENT), copyOf()]),
  (t, world) => t.match(world.host.containers.get(PARENT), { state: 'running' }),
);
sweep(
  'a parent that is suspended, and deleted at once: its volume goes when it was copied',
  'dieAt',
  assigned(PARENT, 2, 'DESIRED_SUSPENDED', true),
  (world) => world.say([copyOf()], [{ sessionId: PARENT, upToGeneration: 3 }]),
  (t, world) => t.equal(world.host.volumes.has(PARENT), false),
);

t.test('half a copy that nothing explains is told of, and not as a volume that could be adopted', async (t) => {
  const seen = { container: undefined, volume: { name: 'v', generation: 3 }, space: 'default', image: 'i' };
  const nothing = { assignment: undefined, tombstone: undefined };
  t.match(orphanOf('s', { ...nothing, copying: 'begun' }, seen), { sessionId: 's', generation: 3, volume: '' });
  t.match(orphanOf('s', nothing, seen), { volume: 'v' }, 'a whole one is');
});
