import { SLOT_GENERATION } from '../../../controller/domain/slots/slot.ts';
import type { Most } from '../../../node-agent/domain/session-most.ts';
import type { Driver, DriverChange, Transfer } from '../../../node-agent/engine/driver.ts';
import type { Outcome } from '../../../node-agent/engine/outcome.ts';
import type { SessionPlan } from '../../../node-agent/engine/session-plan.ts';
import type { VolumeWork } from '../../../node-agent/engine/volume-work.ts';
import type { GuestListener } from '../../../node-agent/guests/listener.ts';
import type { Ledger } from '../../../node-agent/ledger/ledger.ts';
import type { HollowHost } from '../../hollow/hollow.ts';
import { type BuildEngineView, buildEngineFor } from './builds/build-engine.ts';
import { type Life, never } from './life.ts';
import { isPhase } from './phases.ts';
import type { SeededRandom } from './random.ts';
import { readThrough } from './source.ts';
import type { Surroundings } from './surroundings.ts';

/** Current faults of a machine's engine. */
export interface EngineTrouble {
  /** The daemon is down. */
  down: boolean;
  slowMs: number;
  /** Calls neither return nor fail. Once it is over, each takes effect or never does. */
  hung: { readonly goOn: () => void; readonly lose: () => void }[] | undefined;
  /** Probability that a call fails, before or after its effect. */
  failing: number;
  /** How often the machine lost power: calls from before are gone. */
  powerCuts: number;
}

const USUAL_MS = 20;
const LATE_MS = 15_000;
const LONG: ReadonlySet<string> = new Set(['inspectImage', 'buildImage', 'removeImage', 'pull', 'push']);
const WAKES: ReadonlySet<string> = new Set(['start', 'unpause']);
export const noTrouble = (): EngineTrouble => ({ down: false, slowMs: USUAL_MS, hung: undefined, failing: 0, powerCuts: 0 });

export interface EngineView {
  readonly around: Surroundings;
  readonly host: HollowHost;
  readonly trouble: EngineTrouble;
  readonly life: Life;
  readonly machine: string;
  readonly random: SeededRandom;
  /** The calling node agent's maximum for one session. */
  readonly most: () => Partial<Most>;
  /** Of the calling node agent. */
  readonly ledger: () => Ledger | undefined;
  /** Whether the session's guest has been connected for a while. */
  readonly hasGuest: (sessionId: string) => boolean;
  /** Undefined in runs without a registry. */
  readonly transfer: Transfer | undefined;
  /** Undefined in runs without repositories: then builds only copy sources. */
  readonly builds: Pick<BuildEngineView, 'room' | 'git' | 'unpacking'> | undefined;
  /** Notifies all watchers when the daemon is back. */
  readonly watching: Set<() => void>;
}

/**
 * The engine for one process of a node agent. A call takes time, can fail before or after its
 * effect, and can take effect after the caller's death.
 */
export function driverFor(view: EngineView): Driver {
  const { around, host, trouble, life, machine, random, most, transfer } = view;
  const { time, trace, reach } = around;

  function call<T>(
    name: string,
    sessionId: string,
    signal: AbortSignal,
    effect: () => Promise<T>,
    failed?: (reason: string) => T,
  ): Promise<T> {
    if (life.isDead) return never();
    const { powerCuts } = trouble;
    return new Promise<T>((resolve, reject) => {
      const answer = (work: () => void) => time.schedule(random.mostlySmall(0.1, trouble.slowMs), () => life.run(work));
      const fail = (reason: string) => {
        around.chronicle.enginesFailed.add(machine);
        answer(() => (failed && random.chance(0.5) ? resolve(failed(reason)) : reject(new Error(reason))));
      };
      const aborted = () => life.run(() => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted')));
      if (signal.aborted) return aborted();
      signal.addEventListener('abort', aborted, { once: true });

      const carryOut = async (late: boolean): Promise<unknown> => {
        // The daemon that had the call is gone too.
        if (trouble.powerCuts !== powerCuts) return;
        // The caller is gone: the daemon never received the call, or still works on it.
        if (life.isDead && !late)
          return random.chance(0.3) || time.schedule(random.between(0, LATE_MS), () => void carryOut(true).catch(reject));
        // An old call of a dead node agent does not unpause a volume's container during a copy: no
        // engine delays a call that long.
        if (late && WAKES.has(name) && host.copier.reads(sessionId)) return;
        if (trouble.hung !== undefined) {
          const about = host.containers.get(sessionId)?.id;
          // The container was replaced meanwhile: no engine confuses the two.
          const goOn = () => (about === host.containers.get(sessionId)?.id ? void carryOut(late).catch(reject) : fail('it is gone'));
          // A build can take long, and its end is seen by its connection.
          const lose = () => (LONG.has(name) ? fail('the connection was lost') : undefined);
          return trouble.hung.push({ goOn, lose });
        }
        if (trouble.down) return fail('the engine is away');
        if (random.chance(trouble.failing / 2)) return fail('the engine failed');
        const result = await effect();
        if (name !== 'observe' && name !== 'ping')
          trace.note(machine, `${name} ${sessionId} ${JSON.stringify(result)?.slice(0, 80) ?? ''}`);
        const after = phase('after');
        if (after) await after;
        if (random.chance(trouble.failing / 2)) return fail('the answer of the engine was lost');
        answer(() => resolve(result));
      };
      const phase = (when: 'before' | 'after') => {
        const at = `engine.${name}.${when}`;
        return isPhase(at) && !life.isDead ? reach(at, { life, machine, sessionId }) : undefined;
      };
      void phase('before');
      time.schedule(random.mostlySmall(0.1, trouble.slowMs), () => void carryOut(false).catch(reject));
    });
  }

  const ownSignal = new AbortController().signal;
  const check = (name: string, sessionId: string) => checkTouch(view, name, sessionId);
  const change = (name: 'pause' | 'unpause' | 'removeContainer') => (sessionId: string, signal: AbortSignal) => {
    check(name, sessionId);
    return call(name, sessionId, signal, () => host[name](sessionId, ownSignal));
  };
  const failedMove = (reason: string) => ({ ok: false, reason }) as const;
  const failedOutcome = (reason: string) => ({ ok: false, why: 'failed', reason }) as const satisfies Outcome;

  const builds = view.builds && buildEngineFor({ ...view, ...view.builds, random: random.fork('builds') }, call);
  return {
    kind: 'hollow',
    facts: host.facts,
    builds,
    prepare: (signal) => call('prepare', '', signal, () => host.prepare()),
    ping: (signal) => call('ping', '', signal, () => host.ping(ownSignal)),
    capacity: (signal) => call('capacity', '', signal, () => host.capacity()),
    list: (signal) => call('list', '', signal, () => host.list(ownSignal)),
    observe: (sessionId, signal) => call('observe', sessionId, signal, () => host.observe(sessionId, ownSignal)),
    volume(work, signal) {
      const sessionId = 'plan' in work ? work.plan.sessionId : work.sessionId;
      if (work.kind === 'create-volume') checkCreate(view, work.plan);
      if (work.kind === 'remove-volume') check(work.kind, sessionId);
      // Only a live node agent receives the copier's callback.
      const own: VolumeWork = work.kind === 'start-copy' ? { ...work, read: () => life.run(work.read) } : work;
      return call(work.kind, sessionId, signal, () => host.volume(own, ownSignal), failedOutcome);
    },
    copy: (sessionId, signal) => call('observe', sessionId, signal, () => host.copy(sessionId)),
    copies: (signal) => call('list', '', signal, () => host.copies()),
    createContainer(plan, signal) {
      for (const what of ['memoryBytes', 'processes'] as const)
        if (plan.limits[what] > (most()[what] ?? Number.POSITIVE_INFINITY))
          around.violation(`${machine} makes a container of ${plan.sessionId} with ${what} ${plan.limits[what]}`);
      return call('createContainer', plan.sessionId, signal, () => host.createContainer(plan, ownSignal), failedOutcome);
    },
    start(sessionId, signal) {
      check('start', sessionId);
      return call('start', sessionId, signal, () => startWhole(view, sessionId, ownSignal), failedOutcome);
    },
    pause: change('pause'),
    // For a copy of its volume, even in its desired state.
    freeze: (sessionId, signal) => call('freeze', sessionId, signal, () => host.freeze(sessionId, ownSignal)),
    unpause: change('unpause'),
    removeContainer: change('removeContainer'),
    watch(listener) {
      // Changes while the daemon is down are not reported. Once it is back, everything has to be
      // listed.
      const tell = (news: DriverChange) => time.schedule(random.mostlySmall(0.1, trouble.slowMs), () => life.run(() => listener(news)));
      const watching = host.watch((news) => trouble.down || tell(news));
      const back = () => tell({ kind: 'everything' });
      view.watching.add(back);
      const close = () => {
        view.watching.delete(back);
        watching.close();
      };
      life.atDeath(close);
      return { close };
    },
    images: (signal) => call('images', '', signal, () => host.images()),
    inspectImage: (tag, signal) => call('inspectImage', '', signal, () => host.inspectImage(tag)),
    removeImage(tag, signal) {
      around.auditors.images.removing(machine, tag);
      around.chronicle.imagesRemoved.add(machine);
      return call('removeImage', '', signal, () => host.removeImage(tag));
    },
    // Unpacking is real work of this machine.
    buildImage(plan, signal) {
      const done = around.auditors.builds.begins(plan.image, machine, life);
      return time
        .hold(readThrough(plan.context))
        .then((context) => call('buildImage', '', signal, () => host.buildImage({ ...plan, context }, ownSignal), failedOutcome))
        .finally(done);
    },
    transfer: transfer && {
      pull: (plan, signal) => call('pull', '', signal, () => transfer.pull(plan, ownSignal), failedMove),
      push: (plan, signal) => call('push', '', signal, () => transfer.push(plan, ownSignal), failedMove),
    },
    dismantle: (signal) => call('dismantle', '', signal, () => host.dismantle()),
    close: () => undefined,
  };
}

/** A volume that should exist must not be created again, empty. */
function checkCreate({ around, machine }: EngineView, { sessionId, generation }: SessionPlan): void {
  const { sessions, volumesLost, volumeless } = around.chronicle;
  const row = sessions.get(sessionId);
  // Before a removal, a create in progress is repeated to learn its outcome, then its result is
  // removed.
  // A session that starts as a copy has no volume before.
  if (row?.desired === 'deleted' || (row !== undefined && row.copyFrom !== null)) return;
  if (volumesLost.has(sessionId) && row?.hasRun) around.violation(`${machine} makes the volume of ${sessionId} anew, which was lost`);
  if (generation >= (volumeless.get(sessionId) ?? Number.POSITIVE_INFINITY))
    around.violation(`${machine} makes an empty volume for ${sessionId}, which is from a backup`);
}

/** Nothing starts on a volume that is not a complete copy yet. */
async function startWhole({ around, host, machine }: EngineView, sessionId: string, signal: AbortSignal): Promise<Outcome> {
  const { state } = host.copier.observe(sessionId);
  if (state === 'alive' || state === 'broken') around.violation(`${machine} starts ${sessionId}, a copy that is ${state}`);
  return host.start(sessionId, signal);
}

/**
 * No call touches a container in its desired state, or removes anything without the controller's
 * order.
 */
function checkTouch({ around, host, machine, ledger, life, hasGuest }: EngineView, name: string, sessionId: string): void {
  const remembered = life.isDead ? undefined : ledger()?.remembered(sessionId);
  if (remembered === undefined) return;
  // A removed node stops what is no longer its own.
  if (name === 'removeContainer' && around.chronicle.removedNodes.has(machine)) return;
  const { assignment, tombstone } = remembered;
  const buried = around.chronicle.tombstones.get(sessionId) ?? -1;
  if ((tombstone ?? -1) > buried && !isForgottenSlot(around, sessionId, tombstone))
    around.violation(`${machine} holds a tombstone of ${sessionId} that the controller never made`);
  const wanted = assignment && around.chronicle.desiredAt(sessionId, assignment.generation);
  if (assignment && wanted !== assignment.desired)
    around.violation(`${machine} takes ${sessionId} at ${assignment.generation} for ${assignment.desired}, it should be ${wanted}`);
  const container = host.containers.get(sessionId);
  const volume = host.volumes.get(sessionId);
  const isBuried = (made: { generation: number } | undefined) => made !== undefined && made.generation <= (tombstone ?? -1);
  const is = (desired: string, state: string) => assignment?.desired === desired && container?.state === state && !isBuried(container);
  // An earlier node agent just started or froze it, so the repeated call has no effect.
  if ((is('running', 'running') && name !== 'start') || (is('paused', 'paused') && name !== 'pause'))
    around.violation(`${machine} calls ${name} of ${sessionId}, which is ${container?.state}, as it should be`);
  if (assignment === undefined && around.chronicle.forgotten.has(sessionId) && container !== undefined && !isBuried(container))
    around.violation(`${machine} calls ${name} of ${sessionId}, an orphan`);
  if (name === 'remove-volume' && volume !== undefined && !isBuried(volume))
    around.violation(`${machine} removes the volume of ${sessionId} without a tombstone`);
  const isCutOff =
    name === 'removeContainer' && around.chronicle.runs.some((run) => run.sessionId === sessionId && run.end === 'under way');
  if (isCutOff && assignment?.desired === 'suspended' && !isBuried(container) && hasGuest(sessionId))
    if (!around.auditors.suspends.isGraceOver(sessionId, assignment.generation, around.time.now))
      around.violation(`${machine} removes the container of ${sessionId} in the middle of a run, within its grace`);
  // A session to be suspended is unpaused, so that its guest can finish.
  const wakes = name === 'start' || (name === 'unpause' && assignment?.desired !== 'suspended');
  if (wakes && (assignment?.desired !== 'running' || isBuried(container)))
    around.violation(`${machine} calls ${name} of ${sessionId}, which should be ${assignment?.desired ?? 'gone'}`);
}

/** The host's listeners for one process of a node agent. */
export function listenerFor(host: HollowHost, life: Life): GuestListener {
  const alive = <T>(work: () => Promise<T>): Promise<T> => (life.isDead ? never() : work());
  return {
    open: (sessionId) => alive(() => host.open(sessionId)),
    isOpen: (sessionId) => host.isOpen(sessionId),
    close: (sessionId) => alive(() => host.close(sessionId)),
    left: () => alive(() => host.left()),
    closeAll: () => alive(() => host.closeAll()),
    onGuest: (listener) => host.onGuest(listener),
    onStream: (listener) => host.onStream(listener),
  };
}

/** A node removes by itself what a restored store does not know of, and nobody has taken. */
const isForgottenSlot = ({ auditors }: EngineView['around'], sessionId: string, tombstone: number | undefined): boolean =>
  tombstone === SLOT_GENERATION && auditors.slots.isForgotten(sessionId);
