import process from 'node:process';
import { SHARED_IDLE_MS } from '../../controller/services/streams/shared-streams.ts';
import { Book } from './world/book.ts';
import { judgeBuilds } from './world/builds/judge-builds.ts';
import { RepositoryUser } from './world/builds/repository-user.ts';
import { Client } from './world/client.ts';
import { Cluster, stackOf } from './world/cluster.ts';
import { USUAL } from './world/commands.ts';
import { wakeAll } from './world/epilogue.ts';
import { hasStreams, judge, judgeLeft, unrest } from './world/invariants.ts';
import { Joins } from './world/joins.ts';
import { uncordonAll } from './world/maintenance.ts';
import { observe } from './world/observer.ts';
import { Person } from './world/people.ts';
import { Plan } from './world/plan.ts';
import type { SeededRandom } from './world/random.ts';
import type { SlotAudit } from './world/slots/slot-audit.ts';
import { disturbSlots } from './world/slots/slot-faults.ts';
import { SlotUser } from './world/slots/slot-user.ts';
import { StreamReader } from './world/stream-reader.ts';
import { Holder } from './world/uses/holder.ts';
import { SessionUser } from './world/uses/session-user.ts';
import { Watcher } from './world/watcher.ts';

export interface RunOptions {
  readonly seed: number;
  /** Undefined: a random number. */
  readonly faults?: number;
  /** Stops at the first violation. */
  readonly bail?: boolean;
  /** Stops after so many steps, without a verdict. Far more than a run needs when not given. */
  readonly maxSteps?: number;
  readonly print?: (line: string) => void;
}

export interface RunResult {
  readonly seed: number;
  /** Hash of all events, the same for the same seed. */
  readonly digest: string;
  readonly commands: number;
  readonly messages: number;
  /** Committed hops. */
  readonly hops: number;
  /** Sessions that were started ahead of need, and what became of them. */
  readonly slots: SlotAudit['counts'];
  readonly simulatedMs: number;
  readonly steps: number;
  readonly tookMs: number;
  readonly struck: Plan['struck'];
  readonly asked: Book['asked'];
  readonly violations: readonly string[];
}

const CLIENTS = 4;
const COMMANDS_EACH = 42;
const COMMANDS_OF_PERSON = 34;
const CLIENTS_WITHIN_MS = 30 * 60_000;
/** Less than the controller's interval of comparisons, so that one delivery must be enough. */
const REST_WITHIN_MS = 200_000;
const REST_MS = 5_000;
/** They run programs in sessions. */
const USERS = ['user-1', 'user-2'];
/** Every fourth seed, so that the others stay as they were. */
const isUsed = (seed: number) => seed % 4 === 2;
/** In every other fourth seed, an agent comes from a repository. */
const isFetched = (seed: number) => seed % 4 === 3;
const MAX_STEPS = 200_000;

const faultsFor = (random: SeededRandom) => (random.chance(0.25) ? random.whole(25, 50) : random.whole(10, 16));

/** Returns the command that repeats this seed and prints every step. */
export const repeatWith = (seed: number, plant?: string) =>
  `npm run test:sim -- --seed ${seed}${plant === undefined ? '' : ` --plant '${plant}'`} --trace`;

/**
 * Runs one seed: clients and faults; then everything heals, comes to rest, is checked, is woken,
 * and is checked again.
 */
export async function simulate({ seed, faults, bail, maxSteps = MAX_STEPS, print }: RunOptions): Promise<RunResult> {
  const began = performance.now();
  const cluster = await Cluster.start({ seed, nodes: 2 + (seed % 2), print, fetches: isFetched(seed) });
  const { time, trace, violation, violations } = cluster;
  time.isOver = () => {
    if (time.handled === MAX_STEPS) violation('it goes on and on');
    return time.handled >= maxSteps || (bail === true && violations.length > 0);
  };
  const onRejection = (fault: unknown) => violation(`a promise that nobody heard was rejected: ${stackOf(fault)}`);
  process.on('unhandledRejection', onRejection);
  try {
    const book = new Book();
    cluster.onRestored.add(() => book.restored(cluster.view));
    const watchers = [new Watcher(cluster, 'watcher-1'), new Watcher(cluster, 'watcher-2')];
    for (const watcher of watchers) void watcher.run();
    const clients = Array.from({ length: CLIENTS }, (_, at) => new Client(cluster, book, `client-${at + 1}`));
    const temper = cluster.random.fork('temper');
    const plan = new Plan(cluster, faults ?? faultsFor(temper), seed);
    if (cluster.slots > 0) disturbSlots(cluster, plan);
    const haste = temper.pick([1, 1, 0.3, 0.05]) ?? 1;
    const usual = { ...USUAL, create: temper.pick([USUAL.create, 2, 20]) ?? USUAL.create };
    const seers = [...watchers, observe(cluster)];

    const person = new Person(cluster, book, 'person');
    const reader = new StreamReader(cluster, 'reader');
    const work = [
      ...clients.map((client) => client.run(COMMANDS_EACH, usual, haste)),
      person.run(COMMANDS_OF_PERSON, haste),
      reader.run(haste),
      new Joins(cluster, book).run(),
      ...(cluster.git === undefined ? [] : [new RepositoryUser(new Client(cluster, book, 'developer'), cluster.git).run()]),
      ...(isUsed(seed) ? USERS : []).map((name) => new SessionUser(new Client(cluster, book, name)).run()),
      ...(cluster.slots > 0 ? [new SlotUser(new Client(cluster, book, 'slots')).run()] : []),
      ...(isUsed(seed) ? ['holder'] : []).map((name) => new Holder(new Client(cluster, book, name)).run()),
    ];
    await ends(cluster, Promise.all(work), () => plan.isDone);
    plan.heal();
    cluster.clones.heal();
    cluster.registry?.heal();
    cluster.git?.heal();
    await rest(cluster);
    judge(cluster, book);
    cluster.registry?.judge();
    judgeBuilds(cluster);
    if (violations.length === 0) {
      await ends(cluster, uncordonAll(new Client(cluster, book, 'operator')));
      await rest(cluster);
      judge(cluster, book);
      await ends(cluster, wakeAll(new Client(cluster, book, 'epilogue')));
      await rest(cluster);
      judge(cluster, book);
      // The shared stream of a session outlives those in it for a while.
      await time.run(time.now + 2 * SHARED_IDLE_MS, () => !hasStreams(cluster));
      judgeLeft(cluster);
      // The observer has only the bus, and reads the store after a quiet period.
      const hasAll = ({ position }: Watcher) => position.epoch === cluster.events.epoch && position.number === cluster.events.newest();
      await time.run(time.now + REST_MS, () => seers.every(hasAll));
      for (const seer of seers)
        if (!hasAll(seer)) violation(`${seer.name} is at event ${seer.position.number} of ${cluster.events.newest()}`);
    }
    return {
      ...{
        seed,
        digest: trace.digest(),
        commands: book.commands,
        messages: book.messages.size,
        hops: cluster.auditors.hops.ever,
        slots: cluster.auditors.slots.counts,
        tookMs: performance.now() - began,
      },
      ...{ simulatedMs: time.now, steps: time.handled, struck: plan.struck, asked: book.asked, violations },
    };
  } finally {
    process.off('unhandledRejection', onRejection);
    cluster.close();
  }
}

/** Runs the world until this work is done, and `also` is true. */
async function ends({ time, violation }: Cluster, work: Promise<unknown>, also: () => boolean = () => true): Promise<void> {
  let over = false;
  work.then(
    () => {
      over = true;
    },
    (fault: unknown) => violation(`a client failed: ${stackOf(fault)}`),
  );
  await time.run(time.now + CLIENTS_WITHIN_MS, () => over && also());
  if (!over) violation('the clients did not come to an end');
}

/** Runs until nothing is left to do, and a little longer. */
async function rest(cluster: Cluster): Promise<void> {
  const { time } = cluster;
  const until = time.now + REST_WITHIN_MS;
  while (time.now < until) {
    await time.run(time.now + 1_000);
    if (unrest(cluster) !== undefined) continue;
    await time.run(time.now + REST_MS);
    if (unrest(cluster) === undefined) return;
  }
  cluster.violation(`it does not come to rest: ${unrest(cluster)}`);
}
