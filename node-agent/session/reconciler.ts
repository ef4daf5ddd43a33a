import type { Timer } from '../../seams/clock.ts';
import { tooManyEnds } from '../domain/container-end.ts';
import { stillSource } from '../domain/copying.ts';
import { nextStep, phaseOf, type Step } from '../domain/next-step.ts';
import { restartDelayMs } from '../domain/restart-delay.ts';
import type { Observed, Remembered, SourceState } from '../domain/session.ts';
import { type Made, type Seen, sameSight, tellsAll } from '../engine/driver.ts';
import { EngineFailures } from '../engine/engine-failures.ts';
import { type Calls, Copying } from './copying.ts';
import { create } from './creating.ts';
import { Drain } from './drain.ts';
import type { ReconcilerDeps } from './reconciler-deps.ts';
import { type Failed, Reporter } from './reporter.ts';
import { RestartPacer } from './restart-pacer.ts';
import { type Orphan, orphanOf, type Status } from './status.ts';

const STEPS_IN_A_ROW = 32;
const MAKING: ReadonlySet<Step['kind']> = new Set(['create-volume', 'create-container', 'start', 'begin-copy']);

/**
 * Brings one session to what it should be, one step after another, and never two at once. It is woken by whatever may have changed; waking it
 * once too often does nothing. A step that fails is tried again, more and more slowly.
 */
export class Reconciler {
  readonly sessionId: string;
  readonly #deps: ReconcilerDeps;
  readonly #ending = new AbortController();
  #woken = false;
  #running: Promise<void> | undefined;
  #retry: Timer | undefined;
  #faults = 0;
  readonly #failures: EngineFailures;
  #failed: Failed | undefined;
  #removalAsked = false;
  /** In a row. An image that arrives wakes those that wait for it; the growing delay is for an arrival that nobody noticed. */
  #imageMisses = 0;
  #goneImage: { readonly image: string; readonly reason: string } | undefined;
  #engineLost = false;
  readonly #pacer: RestartPacer;
  readonly #drain: Drain;
  readonly #calls: Calls = { call: (work) => this.#call(work), durable: (write) => this.#durable(write) };
  readonly #copying: Copying;
  /** Nothing runs on its volume, and nothing will for as long as copies of it are under way. */
  #still = false;
  /** What the engine was looked at for the first time. */
  #listed: Seen | undefined;
  #looked = false;
  #seen: Seen = { container: undefined, volume: undefined, space: '', image: '' };
  readonly #reporter: Reporter;

  constructor(sessionId: string, deps: ReconcilerDeps) {
    this.sessionId = sessionId;
    this.#deps = deps;
    this.#pacer = new RestartPacer(sessionId, deps);
    this.#failures = new EngineFailures(deps.clock);
    this.#reporter = new Reporter(sessionId, deps);
    this.#copying = new Copying(sessionId, deps, this.#calls);
    this.#drain = new Drain({
      clock: deps.clock,
      guestConnected: () => deps.guestConnected(sessionId),
      ask: (graceMs) => deps.startDrain(sessionId, graceMs),
      takeBack: () => deps.endDrain(sessionId),
      over: () => this.wake(),
    });
  }

  wake(): void {
    this.#woken = true;
    if (this.#running !== undefined || this.#ending.signal.aborted) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#woken) this.wake();
      else this.#deps.rested();
    });
  }

  /** All of the engine was listed, and this is what it has of the session. Wakes it where that is news: an engine is not asked for what it just said. */
  listed(seen: Seen): void {
    if (!this.#looked && this.#running === undefined && tellsAll(seen)) this.#listed = seen;
    if (!this.#looked || !sameSight(this.#seen, seen)) this.wake();
  }

  /** Its guest came or went. One that came may lack what was on its way to the one before: the controller is told of it, whatever it knows. */
  guestChanged(): void {
    this.#reporter.forget();
    this.#drain.guestChanged();
    this.wake();
  }

  /** Nothing can bring the image back that it waits for. */
  imageGone(image: string, reason: string): void {
    this.#goneImage = { image, reason };
    this.wake();
  }

  /** Its guest has finished, as it was asked to. */
  drained(): void {
    this.#drain.drained();
  }

  /** The engine went away. What is to be done of it is done once it is back. */
  engineLost(): void {
    this.#engineLost = true;
    this.#failures.forget();
    this.wake();
  }

  /** The controller still waits to hear of the removal: it is told again. */
  askRemoval(): void {
    this.#removalAsked = true;
    this.wake();
  }

  /** What is to be told of it now, and counts as told; undefined where nothing is to be said. */
  status(): Status | undefined {
    const phase = phaseOf(this.#remembered(), this.#observed());
    return phase === undefined ? undefined : this.#reporter.tell(phase, this.#seen, this.#failed);
  }

  /** How its volume stands, for those that are to begin as copies of it. */
  source(): SourceState {
    const isWhole = this.#deps.ledger.copies.sourceOf(this.sessionId) === undefined;
    return this.#still ? stillSource(isWhole, this.#remembered(), this.#observed()) : 'moving';
  }

  /** Its container runs, or is frozen. */
  isUp(): boolean {
    const state = this.#seen.container?.state;
    return state === 'running' || state === 'paused';
  }

  /** It cannot go on at this generation, as was found out elsewhere. */
  giveUp(reason: string): void {
    const generation = this.#deps.ledger.assignment(this.sessionId)?.generation;
    if (generation === undefined || this.#failed?.generation === generation) return;
    this.#fail(reason);
    this.wake();
  }

  /** Its container runs, and its guest is still to come (back). */
  awaitsGuest(): boolean {
    return this.#seen.container?.state === 'running' && !this.#deps.guestConnected(this.sessionId);
  }

  /** Something with this node's label is there, and neither an assignment nor a tombstone explains it. */
  orphan(): Orphan | undefined {
    return orphanOf(this.sessionId, this.#deps.ledger.remembered(this.sessionId), this.#seen);
  }

  /** Nothing is there of it, and nothing is to be done or said. */
  isSpent(): boolean {
    const { ledger } = this.#deps;
    const isThere = this.#seen.container !== undefined || this.#seen.volume !== undefined || ledger.isLive(this.sessionId);
    return !isThere && !this.#removalAsked && this.#running === undefined && ledger.copies.of(this.sessionId) === undefined;
  }

  /** Resolves when it has nothing more to do for now. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** The step that is under way is cut off or ends, and no other begins. */
  async close(): Promise<void> {
    this.#ending.abort(new Error('the node agent ends'));
    this.#retry?.cancel();
    await this.idle();
    this.#drain.close();
  }

  async #run(): Promise<void> {
    const { log } = this.#deps;
    while (this.#woken && !this.#ending.signal.aborted) {
      this.#woken = false;
      try {
        await this.#pass();
        this.#faults = 0;
      } catch (error) {
        if (this.#ending.signal.aborted) return;
        this.#faults += 1;
        log.warn('session.step-failed', { session: this.sessionId, faults: this.#faults, error: messageOf(error) });
        this.#wakeAfter(restartDelayMs(this.#faults + 1));
      }
    }
  }

  async #pass(): Promise<void> {
    await this.#look();
    for (let steps = 0; steps < STEPS_IN_A_ROW && !this.#ending.signal.aborted; steps += 1) {
      const step = this.#next();
      if (step.kind === 'rest') {
        if (step.phase !== undefined) this.#reporter.say(step.phase, this.#seen, this.#failed);
        return this.#rest();
      }
      this.#still = false;
      if (phaseOf(this.#remembered(), this.#observed()) === 'STARTING') this.#reporter.begin(this.#seen, this.#failed);
      const waitMs = MAKING.has(step.kind) ? this.#failures.waitMs() : 0;
      if (waitMs > 0) return this.#wakeAfter(waitMs);
      this.#deps.stepping?.(step.kind);
      if (!(await this.#take(step))) return;
    }
    // What goes on for ever is a fault, and is paced like one.
    throw new Error('it does not settle');
  }

  #next(): Step {
    return nextStep(this.#remembered(), this.#observed());
  }

  #rest(): void {
    const { copies } = this.#deps.ledger;
    const againMs = this.#copying.lookAgainMs();
    if (againMs !== undefined) this.#wakeAfter(againMs);
    const was = this.#still;
    this.#still = copies.of(this.sessionId) === 'under-way' && this.#seen.container?.state !== 'running';
    if (this.#still && !was) for (const copy of copies.into(this.sessionId)) this.#deps.wake(copy);
  }

  /** False when the session is to be left alone until it is woken. */
  async #take(step: Exclude<Step, { kind: 'rest' }>): Promise<boolean> {
    const { driver, doors, ledger, log } = this.#deps;
    const id = this.sessionId;
    switch (step.kind) {
      case 'open-door':
        await doors.open(id);
        return true;
      case 'close-door':
        await doors.close(id);
        return true;
      case 'create-volume':
      case 'create-container': {
        const what = step.kind === 'create-volume' ? 'createVolume' : 'createContainer';
        const ended = await create(what, id, step.generation, this.#deps, this.#calls);
        return ended !== undefined && this.#judge(ended.made, ended.image);
      }
      case 'settle-create':
        await this.#durable(ledger.createEnded(id));
        return true;
      case 'start': {
        const verdict = this.#pacer.verdict();
        if (typeof verdict !== 'number') {
          this.#fail(tooManyEnds(verdict.last));
          return true;
        }
        if (verdict > 0) {
          this.#wakeAfter(verdict);
          return false;
        }
        // It may have waited for its turn at the engine for long: what is not to run any more does not begin.
        const made = await this.#call(async (signal) => (this.#next().kind === 'start' ? driver.start(id, signal) : undefined));
        if (made === undefined) return true;
        if (made.ok) {
          this.#failures.forget();
          this.#pacer.started();
        } else if (made.why === 'failed') await this.#discard();
        return this.#judge(made, ledger.assignment(id)?.spec.image ?? '');
      }
      case 'pause':
      case 'freeze':
      case 'unpause':
        if (step.kind === 'freeze') await this.#durable(ledger.froze(id, true));
        await this.#call((signal) => driver[step.kind](id, signal));
        if (step.kind === 'unpause') await this.#durable(ledger.froze(id, false));
        return this.#look();
      case 'begin-copy':
      case 'hold-source':
      case 'start-copy':
      case 'let-source':
      case 'keep-copy':
      case 'end-copy': {
        const ended = await this.#copying.take(step);
        if (ended !== undefined && 'ok' in ended) return this.#judge(ended, ledger.assignment(id)?.spec.image ?? '');
        if (ended !== undefined && (!ended.passing || this.#failures.failed())) this.#fail(ended.reason);
        return this.#look();
      }
      case 'drain':
        this.#drain.begin(this.#seen.container?.id ?? '', ledger.assignment(id)?.graceMs ?? 0);
        return true;
      case 'stay':
        this.#drain.stay();
        return true;
      case 'remove-container':
        this.#pacer.expectEnd();
        await this.#call((signal) => driver.removeContainer(id, signal));
        this.#drain.end();
        return this.#look();
      case 'remove-volume':
        await this.#call((signal) => driver.removeVolume(id, signal));
        return this.#look();
      case 'removed':
        await this.#durable(ledger.removed(id, step.upToGeneration));
        this.#removalAsked = false;
        this.#deps.removed(id, step.upToGeneration);
        log.info('session.removed', { session: id });
        return true;
      case 'fail':
        this.#fail(step.reason);
        return true;
      default:
        return step satisfies never;
    }
  }

  async #judge(made: Made, image: string): Promise<boolean> {
    if (made.ok) {
      this.#imageMisses = 0;
      return this.#look();
    }
    switch (made.why) {
      case 'no-image':
        return this.#awaitImage(image);
      case 'refused':
        this.#fail(made.reason);
        return this.#look();
      case 'failed':
        if (!this.#failures.failed()) throw new Error(made.reason);
        this.#fail(made.reason);
        return this.#look();
      case 'exists':
        await this.#look();
        if (this.#seen.container !== undefined) return true;
        throw new Error('the name is taken by what is not (or not yet) of this node');
      default:
        return made satisfies never;
    }
  }

  /** An image can be built again, so a session does not fail for the lack of it before the controller says that nothing can. */
  #awaitImage(image: string): Promise<boolean> | boolean {
    const gone = this.#goneImage;
    this.#goneImage = undefined;
    if (gone?.image === image) {
      this.#fail(gone.reason);
      return this.#look();
    }
    this.#deps.imageMissing(this.sessionId, image);
    this.#imageMisses += 1;
    this.#wakeAfter(restartDelayMs(this.#imageMisses + 1));
    return false;
  }

  async #look(): Promise<true> {
    if (this.#engineLost) {
      this.#engineLost = false;
      await this.#durable(this.#pacer.engineLost());
    }
    const listed = this.#listed;
    this.#listed = undefined;
    this.#seen = listed ?? (await this.#call((signal) => this.#deps.driver.observe(this.sessionId, signal)));
    this.#looked = true;
    await this.#copying.look();
    const ends = await this.#durable(this.#pacer.saw(this.#seen.container));
    if (ends !== undefined) this.#deps.log.warn('session.ended', { session: this.sessionId, ends });
    return true;
  }

  /** What an engine fails to start may be damaged for good, as by its end in the middle of a start. It holds nothing that the volume does not. */
  async #discard(): Promise<void> {
    await this.#look();
    const state = this.#seen.container?.state;
    if (state !== 'created' && state !== 'exited') return;
    this.#pacer.expectEnd();
    await this.#call((signal) => this.#deps.driver.removeContainer(this.sessionId, signal));
  }

  #fail(reason: string): void {
    const generation = this.#deps.ledger.assignment(this.sessionId)?.generation;
    if (generation === undefined) return;
    this.#failed = { generation, reason };
    this.#deps.log.warn('session.failed', { session: this.sessionId, generation, reason });
  }

  #remembered(): Remembered {
    const { ledger, judged } = this.#deps;
    const remembered = ledger.remembered(this.sessionId);
    const removalDue = remembered.removalDue || (this.#removalAsked && remembered.tombstone !== undefined);
    return { ...remembered, removalDue, failed: this.#failed?.generation, judged: judged() };
  }

  #observed(): Observed {
    const { doors, guestConnected, guestDraining } = this.#deps;
    const { container, volume } = this.#seen;
    const own = this.#drain.state(container?.id);
    const drain = own === 'none' && guestDraining(this.sessionId) ? 'asked' : own;
    const door = doors.isOpen(this.sessionId);
    return { container, volume, door, guest: guestConnected(this.sessionId), drain, ...this.#copying.observed() };
  }

  #wakeAfter(delayMs: number): void {
    this.#retry?.cancel();
    this.#retry = this.#deps.clock.after(delayMs, () => this.wake());
  }

  #call<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#deps.engine.call(this.#ending.signal, work);
  }

  async #durable<T>(write: Promise<T>): Promise<T> {
    try {
      return await write;
    } catch (error) {
      this.#ending.abort(error);
      this.#deps.fault(error);
      throw error;
    }
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
