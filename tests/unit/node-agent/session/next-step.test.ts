import t from 'tap';
import { nextStep } from '../../../../node-agent/domain/next-step.ts';
import type { ContainerSeen, Desired, Observed, Remembered, VolumeSeen } from '../../../../node-agent/domain/session.ts';
import { nameOf, type Step, type VolumeJob } from '../../../../node-agent/domain/step.ts';

const nothing: Observed = { container: undefined, volume: undefined, listening: false, guest: false, drain: 'none' };
const blank: Remembered = {
  assignment: undefined,
  tombstone: undefined,
  removalDue: false,
  creating: undefined,
  volumeCreated: false,
  failed: undefined,
  confirmed: true,
};
const wanted = (desired: Desired, generation = 1) => ({ ...blank, assignment: { generation, desired } });
const box = (state: ContainerSeen['state'], generation = 1): ContainerSeen => ({ id: 'c', state, generation });
const volume: VolumeSeen = { name: 'v', generation: 1 };

t.test('each pair of desired and observed has its next step', async (t) => {
  const rows: readonly [string, Remembered, Observed, string][] = [
    ['nothing is known', blank, nothing, 'rest'],
    ['an orphan', blank, { ...nothing, container: box('running'), volume }, 'rest'],
    ['a first start', wanted('running'), nothing, 'listen'],
    ['a first start with its door', wanted('running'), { ...nothing, listening: true }, 'create-volume'],
    ['a volume', wanted('running'), { ...nothing, listening: true, volume }, 'create-container'],
    ['a container', wanted('running'), { ...nothing, listening: true, volume, container: box('created') }, 'start'],
    ['an ended container', wanted('running'), { ...nothing, listening: true, volume, container: box('exited') }, 'start'],
    ['a frozen container', wanted('running'), { ...nothing, listening: true, volume, container: box('paused') }, 'unpause'],
    ['a silent container', wanted('running'), { ...nothing, listening: true, volume, container: box('running') }, 'rest STARTING'],
    [
      'a running one',
      wanted('running'),
      { listening: true, volume, container: box('running'), guest: true, drain: 'none' },
      'rest RUNNING',
    ],
    ['a running one after our restart', wanted('running'), { ...nothing, volume, container: box('running') }, 'listen'],
    ['a lost volume', { ...wanted('running'), volumeCreated: true }, { ...nothing, listening: true }, 'fail'],
    ['what failed', { ...wanted('running'), failed: 1 }, { ...nothing, listening: true }, 'rest FAILED'],
    ['what failed an earlier time', { ...wanted('running', 2), failed: 1 }, { ...nothing, listening: true, volume }, 'create-container'],
    ['an old ledger', { ...wanted('running'), confirmed: false }, { ...nothing, volume, container: box('exited') }, 'rest STARTING'],
    [
      'an old ledger, still running',
      { ...wanted('running'), confirmed: false },
      { ...nothing, volume, container: box('running') },
      'listen',
    ],
    [
      'frozen for a copy that is made',
      { ...wanted('running'), frozen: true },
      { ...nothing, listening: true, volume, container: box('paused'), guest: true },
      'unpause',
    ],
    [
      'frozen for a copy that is made, before the controller spoke',
      { ...wanted('running'), frozen: true, confirmed: false },
      { ...nothing, listening: true, volume, container: box('paused'), guest: true },
      'unpause',
    ],
    [
      'frozen for a copy, and to be paused since, before the controller spoke',
      { ...wanted('paused'), frozen: true, confirmed: false },
      { ...nothing, listening: true, volume, container: box('paused') },
      'rest PAUSED',
    ],
    [
      'paused before the controller spoke',
      { ...wanted('running'), confirmed: false },
      { ...nothing, listening: true, volume, container: box('paused'), guest: true },
      'rest PAUSED',
    ],
    [
      'a source, running',
      { ...wanted('running'), copied: 'under-way' },
      { ...nothing, listening: true, volume, container: box('running'), guest: true },
      'freeze',
    ],
    [
      'a source, frozen',
      { ...wanted('running'), copied: 'under-way', frozen: true },
      { ...nothing, listening: true, volume, container: box('paused'), guest: true },
      'rest RUNNING',
    ],
    [
      'a source, frozen, whose guest is away',
      { ...wanted('running'), copied: 'under-way', frozen: true },
      { ...nothing, listening: true, volume, container: box('paused') },
      'rest STARTING',
    ],
    [
      'a source, frozen, to be put away',
      { ...wanted('suspended'), copied: 'under-way', frozen: true },
      { ...nothing, listening: true, volume, container: box('paused') },
      'rest PAUSED',
    ],
    ['paused, to be put away', wanted('suspended'), { ...nothing, listening: true, volume, container: box('paused') }, 'unpause'],
    [
      'a source that ended',
      { ...wanted('running'), copied: 'under-way' },
      { ...nothing, listening: true, volume, container: box('exited') },
      'rest STARTING',
    ],
    ['put away, whose volume is gone', { ...wanted('suspended'), volumeCreated: true }, nothing, 'fail'],
    ['given up, whose volume is gone', { ...wanted('failed'), volumeCreated: true }, nothing, 'rest FAILED'],
    ['put away, failed, whose volume is gone', { ...wanted('suspended'), volumeCreated: true, failed: 1 }, nothing, 'rest FAILED'],
    ['to be frozen', wanted('paused'), { listening: true, volume, container: box('running'), guest: true, drain: 'none' }, 'pause'],
    ['frozen', wanted('paused'), { listening: true, volume, container: box('paused'), guest: false, drain: 'none' }, 'rest PAUSED'],
    [
      'frozen, then ended',
      wanted('paused'),
      { listening: true, volume, container: box('exited'), guest: false, drain: 'none' },
      'remove-container',
    ],
    ['frozen, then gone', wanted('paused'), { ...nothing, volume }, 'rest SUSPENDED'],
    ['to be put away', wanted('suspended'), { listening: true, volume, container: box('running'), guest: true, drain: 'none' }, 'drain'],
    [
      'to be put away, finishing',
      wanted('suspended'),
      { listening: true, volume, container: box('running'), guest: true, drain: 'under-way' },
      'rest RUNNING',
    ],
    [
      'to be put away, finished',
      wanted('suspended'),
      { listening: true, volume, container: box('running'), guest: true, drain: 'over' },
      'remove-container',
    ],
    ['to be put away, frozen', wanted('suspended'), { ...nothing, listening: true, volume, container: box('paused') }, 'unpause'],
    ['to be put away, ended', wanted('suspended'), { ...nothing, listening: true, volume, container: box('exited') }, 'remove-container'],
    [
      'wanted again while it finishes',
      wanted('running'),
      { listening: true, volume, container: box('running'), guest: true, drain: 'over' },
      'cancel-drain',
    ],
    [
      'one too many',
      wanted('running'),
      { listening: true, volume, container: { ...box('running'), surplus: true }, guest: true, drain: 'none' },
      'remove-container',
    ],
    [
      'one too many, before the controller has spoken',
      { ...wanted('running'), confirmed: false },
      { listening: true, volume, container: { ...box('running'), surplus: true }, guest: true, drain: 'none' },
      'rest RUNNING',
    ],
    [
      'made outside the bounds of the node, and running',
      wanted('running'),
      { listening: true, volume, container: { ...box('running'), outside: true }, guest: true, drain: 'none' },
      'rest RUNNING',
    ],
    [
      'made outside the bounds of the node, and ended',
      wanted('running'),
      { ...nothing, listening: true, volume, container: { ...box('exited'), outside: true } },
      'remove-container',
    ],
    ['one too many, of nobody', blank, { ...nothing, volume, container: { ...box('running'), surplus: true } }, 'rest'],
    ['given up while it runs', wanted('failed'), { ...nothing, listening: true, volume, container: box('running') }, 'remove-container'],
    ['put away, its volume lost', { ...wanted('suspended'), volumeCreated: true }, nothing, 'fail'],
    ['frozen, then all of it gone', { ...wanted('paused'), volumeCreated: true }, nothing, 'fail'],
    ['put away, its volume known to be lost', { ...wanted('suspended'), volumeCreated: true, failed: 1 }, nothing, 'rest FAILED'],
    ['put away, and it never had one', wanted('suspended'), nothing, 'rest SUSPENDED'],
    [
      'ended, to be put away, before the controller has spoken',
      { ...wanted('suspended'), confirmed: false },
      { ...nothing, volume, container: box('exited') },
      'rest STARTING',
    ],
    ['put away', wanted('suspended'), { ...nothing, volume }, 'rest SUSPENDED'],
    ['given up', wanted('failed'), { listening: true, volume, container: box('exited'), guest: false, drain: 'none' }, 'remove-container'],
    ['given up and gone', wanted('failed'), { ...nothing, volume }, 'rest FAILED'],
    [
      'buried',
      { ...blank, tombstone: 1, removalDue: true },
      { listening: true, volume, container: box('running'), guest: true, drain: 'none' },
      'remove-container',
    ],
    ['buried, container gone', { ...blank, tombstone: 1, removalDue: true }, { ...nothing, volume, listening: true }, 'remove-volume'],
    ['buried, listening left', { ...blank, tombstone: 1, removalDue: true }, { ...nothing, listening: true }, 'stop-listening'],
    ['buried, nothing left', { ...blank, tombstone: 1, removalDue: true }, nothing, 'removed'],
    ['buried and said', { ...blank, tombstone: 1 }, nothing, 'rest'],
    [
      'buried before a create ended',
      { ...blank, tombstone: 1, removalDue: true, creating: 1 },
      { ...nothing, listening: true, volume },
      'create-container',
    ],
    ['buried, the create ended', { ...blank, tombstone: 1, removalDue: true, creating: 2 }, nothing, 'removed'],
    ['what came late', { ...blank, tombstone: 1 }, { ...nothing, container: box('created') }, 'remove-container'],
    [
      'newer than its tombstone',
      { ...wanted('running', 3), tombstone: 2, removalDue: true },
      { ...nothing, volume: { name: 'v', generation: 3 } },
      'removed',
    ],
  ];
  for (const [name, remembered, observed, expected] of rows) {
    const step = nextStep(remembered, observed);
    t.equal(step.kind === 'rest' ? `rest ${step.phase ?? ''}`.trim() : nameOf(step), expected, name);
  }
});

/** A small machine that carries steps out, and to which things happen. */
class World {
  assignment: Remembered['assignment'];
  tombstone: number | undefined;
  removedUpTo = 0;
  creating: number | undefined;
  volumeCreated = false;
  failed: number | undefined;
  container: ContainerSeen | undefined;
  volume: VolumeSeen | undefined;
  listening = false;
  guest = false;
  drain: Observed['drain'] = 'none';
  /** A create whose caller was killed: it comes about later. */
  late: number | undefined;

  remembered(): Remembered {
    const { assignment, tombstone, creating, volumeCreated, failed } = this;
    const removalDue = tombstone !== undefined && this.removedUpTo < tombstone;
    return { assignment, tombstone, removalDue, creating, volumeCreated, failed, confirmed: true };
  }

  observed(): Observed {
    const { container, volume, listening } = this;
    const drain = container?.state === 'running' ? this.drain : 'none';
    return { container, volume, listening, guest: this.guest && container?.state === 'running', drain };
  }

  /** Returns what is wrong with having taken this step, if anything. */
  take(step: Exclude<Step, { kind: 'rest' }>): string | undefined {
    const buried = this.tombstone ?? -1;
    switch (step.kind) {
      case 'listen':
        this.listening = true;
        return;
      case 'stop-listening':
        this.listening = false;
        return;
      case 'volume':
        return this.takeVolume(step.job, buried);
      case 'create-container':
        this.creating = step.generation;
        if (this.late !== undefined) this.late = undefined;
        if (this.volume === undefined) return 'a container without its volume';
        if (!this.listening) return 'a container without its door';
        this.container ??= { id: 'c', state: 'created', generation: step.generation };
        return;
      case 'settle-create':
        this.creating = undefined;
        return;
      case 'start':
      case 'unpause':
        if (this.container === undefined) return 'nothing to start';
        if (this.container.generation <= buried || (this.assignment?.generation ?? -1) <= buried) return 'what is buried was started';
        if (this.assignment?.desired !== 'running' && !(step.kind === 'unpause' && this.assignment?.desired === 'suspended'))
          return 'started against what is desired';
        this.container = { ...this.container, state: 'running' };
        this.drain = 'none';
        return;
      case 'drain':
        if (this.assignment?.desired !== 'suspended') return 'emptied without need';
        // Its end is told later, or never.
        this.drain = 'over';
        return;
      case 'cancel-drain':
        this.drain = 'none';
        return;
      case 'pause':
        if (this.container?.state !== 'running') return 'nothing to pause';
        this.container = { ...this.container, state: 'paused' };
        return;
      case 'remove-container':
        if ((this.container?.generation ?? 0) > buried && this.assignment?.desired === 'running') return 'a wanted container was removed';
        if ((this.container?.generation ?? 0) > buried && this.assignment === undefined) return 'removed without a tombstone';
        if ((this.container?.generation ?? 0) > buried && this.assignment?.desired === 'suspended' && this.observed().drain !== 'over')
          if (this.container?.state === 'running' || this.container?.state === 'paused') return 'removed before it was emptied';
        this.container = undefined;
        return;
      case 'removed':
        if ((this.container?.generation ?? Infinity) <= buried || (this.volume?.generation ?? Infinity) <= buried)
          return 'removed was said too early';
        if (this.creating !== undefined && this.creating <= buried) return 'removed was said with a create unresolved';
        if (this.late !== undefined && this.late <= buried) return 'removed was said before a create came about';
        this.removedUpTo = step.upToGeneration;
        this.volumeCreated = this.volume !== undefined;
        return;
      case 'fail':
        this.failed = this.assignment?.generation;
        return;
    }
  }

  takeVolume(job: VolumeJob, buried: number): string | undefined {
    if (job.kind === 'create-volume') {
      this.creating = job.generation;
      if (this.volumeCreated && job.generation > buried) return 'a new empty volume in place of one that was there';
      this.volume = { name: 'v', generation: job.generation };
      this.volumeCreated = true;
      return undefined;
    }
    if (job.kind !== 'remove-volume') return 'a copy that nobody asked for';
    if ((this.volume?.generation ?? 0) > buried) return 'a volume was removed without a tombstone';
    this.volume = undefined;
    return undefined;
  }
}

/** A small generator of repeatable numbers below `bound` (mulberry32). */
function numbers(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

t.test('whatever happens, it converges, removes only what is buried and starts nothing that is', async (t) => {
  const desires: readonly Desired[] = ['running', 'running', 'running', 'paused', 'suspended', 'failed'];
  let steps = 0;
  for (let seed = 1; seed <= 6000; seed += 1) {
    const pick = numbers(seed);
    const world = new World();
    let generation = 0;
    const story: string[] = [];
    const fail = (what: string) => t.fail(`${what} (seed ${seed})`, { story });
    for (let happening = 0; happening < 12; happening += 1) {
      const what = pick(9);
      story.push(String(what));
      if (what <= 2) {
        generation += 1;
        const desired = desires[pick(desires.length)] ?? 'running';
        if (generation > (world.tombstone ?? -1)) world.assignment = { generation, desired };
      } else if (what === 3 && pick(2) === 0) {
        world.tombstone = generation;
        if ((world.assignment?.generation ?? 0) <= generation) world.assignment = undefined;
      } else if (what === 4 && world.container !== undefined) world.container = { ...world.container, state: 'exited' };
      else if (what === 5) world.container = undefined;
      else if (what === 6) world.guest = !world.guest;
      else if (what === 7 && world.late !== undefined && world.volume !== undefined) {
        world.container ??= { id: 'late', state: 'created', generation: world.late };
        world.late = undefined;
      } else if (what === 8) world.listening = false;
      // Sometimes killed in the middle: what was begun may come about later.
      const lives = pick(4) === 0 ? pick(5) : 100;
      let rested = false;
      for (let turn = 0; turn < lives && !rested; turn += 1) {
        const step = nextStep(world.remembered(), world.observed());
        story.push(nameOf(step));
        if (step.kind === 'rest') rested = true;
        else if (step.kind === 'create-container' && turn === lives - 1) {
          world.creating = step.generation;
          world.late = step.generation;
        } else {
          steps += 1;
          const wrong = world.take(step);
          if (wrong !== undefined) return fail(wrong);
        }
      }
      if (lives === 100 && !rested) return fail('it never rested');
      if (lives === 100 && world.assignment?.desired === 'running' && world.failed !== world.assignment.generation) {
        if (world.container?.state !== 'running' || !world.listening) return fail('it rested without running');
      }
    }
  }
  t.ok(steps > 50_000, `${steps} steps taken`);
});
