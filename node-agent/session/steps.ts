import { tooManyEnds } from '../domain/container-end.ts';
import { nextStep, phaseOf } from '../domain/next-step.ts';
import type { Observed, Phase, Remembered, SourceState } from '../domain/session.ts';
import { nameOf, type Step, type StepName } from '../domain/step.ts';
import { sourceState } from '../domain/volume-copy.ts';
import type { Calls } from '../engine/calls.ts';
import type { Outcome } from '../engine/outcome.ts';
import { NOTHING_SEEN, type Seen, sameSight, tellsAll } from '../engine/seen.ts';
import { VolumeJobs } from '../volumes/jobs.ts';
import { Attempts } from './attempts.ts';
import { create } from './create.ts';
import { Drain } from './drain.ts';
import type { ReconcilerDeps } from './reconciler-deps.ts';
import { RestartPacer } from './restart-pacer.ts';

export interface StepsDeps extends ReconcilerDeps {
  readonly calls: Calls;
  wake(): void;
  wakeAfter(delayMs: number): void;
}

/** Observes one session and carries out its steps. */
export class Steps {
  readonly attempts: Attempts;
  readonly drain: Drain;
  readonly volume: VolumeJobs;
  readonly #sessionId: string;
  readonly #deps: StepsDeps;
  readonly #pacer: RestartPacer;
  #seen = NOTHING_SEEN;
  #hasLooked = false;
  /** The session's part of a listing, which replaces its first inspection. */
  #listed: Seen | undefined;
  #engineLost = false;
  #isClaimed = false;
  #removalAsked = false;

  constructor(sessionId: string, deps: StepsDeps) {
    this.#sessionId = sessionId;
    this.#deps = deps;
    this.#pacer = new RestartPacer(sessionId, deps);
    this.attempts = new Attempts(sessionId, deps);
    this.volume = new VolumeJobs(sessionId, deps);
    this.drain = new Drain(sessionId, deps);
  }

  get seen(): Seen {
    return this.#seen;
  }

  get hasLooked(): boolean {
    return this.#hasLooked;
  }

  get isRemovalAsked(): boolean {
    return this.#removalAsked;
  }

  /** Whether the controller still awaits the removal. */
  askRemoval(): void {
    this.#removalAsked = true;
  }

  engineLost(): void {
    this.#engineLost = true;
    this.attempts.forget();
  }

  /**
   * Accepts the session's part of a listing. Returns true if it differs. It replaces the first
   * inspection, to spare the engine a call.
   */
  listed(seen: Seen, isIdle: boolean): boolean {
    if (!this.#hasLooked && isIdle && tellsAll(seen)) this.#listed = seen;
    return !this.#hasLooked || !sameSight(this.#seen, seen);
  }

  /** A session took this slot. While its guest is connected, the next look is spared: what was seen last is still there. */
  claimed(): void {
    this.#isClaimed = true;
  }

  async look(): Promise<void> {
    const { driver, guests, log, calls } = this.#deps;
    const isClaimed = this.#isClaimed;
    this.#isClaimed = false;
    if (isClaimed && this.#hasLooked && this.#seen.container?.state === 'running' && guests.isConnected(this.#sessionId)) return;
    if (this.#engineLost) {
      this.#engineLost = false;
      await calls.durable(this.#pacer.engineLost());
    }
    const listed = this.#listed;
    this.#listed = undefined;
    this.#seen = listed ?? (await calls.call((signal) => driver.observe(this.#sessionId, signal)));
    this.#hasLooked = true;
    await this.volume.look();
    const ends = await calls.durable(this.#pacer.saw(this.#seen.container));
    if (ends !== undefined) log.warn('session.ended', { session: this.#sessionId, ends });
  }

  next(): Step {
    return nextStep(this.#remembered(), this.#observed());
  }

  phase(): Phase | undefined {
    return phaseOf(this.#remembered(), this.#observed());
  }

  /** The state of its volume for sessions that copy it, while this session is settled. */
  sourceState(): SourceState {
    const isWhole = this.#deps.ledger.copies.sourceOf(this.#sessionId) === undefined;
    return sourceState(isWhole, this.#remembered(), this.#observed());
  }

  /** Returns false if the session has nothing to do until it is woken. */
  async take(step: Exclude<Step, { kind: 'rest' }>): Promise<boolean> {
    const { driver, listener, ledger, log, calls, mayStart, removed } = this.#deps;
    const id = this.#sessionId;
    switch (step.kind) {
      case 'listen':
        await listener.open(id);
        return true;
      case 'stop-listening':
        await listener.close(id);
        return true;
      case 'volume': {
        const outcome = await this.volume.run(step.job);
        return outcome !== undefined && (await this.#judge(outcome));
      }
      case 'create-container': {
        if (!mayStart(id)) return false;
        const outcome = await create('container', id, step.generation, this.#deps);
        return outcome !== undefined && (await this.#judge(outcome));
      }
      case 'settle-create':
        await calls.durable(ledger.createEnded(id));
        return true;
      case 'start':
        return mayStart(id) && this.#start();
      case 'pause':
      case 'freeze':
      case 'unpause':
        await this.#ifStillNext(step.kind, async (signal) => {
          if (step.kind === 'freeze') await calls.durable(ledger.setFrozen(id, true));
          await driver[step.kind](id, signal);
          if (step.kind === 'unpause') await calls.durable(ledger.setFrozen(id, false));
        });
        await this.look();
        return true;
      case 'drain':
        this.drain.begin(this.#seen.container?.id ?? '', ledger.assignment(id)?.graceMs ?? 0);
        return true;
      case 'cancel-drain':
        this.drain.stay();
        return true;
      case 'remove-container':
        await this.#ifStillNext(step.kind, async (signal) => {
          await this.#removeContainer(signal);
          this.drain.end();
        });
        await this.look();
        return true;
      case 'removed':
        await calls.durable(ledger.removed(id, step.upToGeneration));
        this.#removalAsked = false;
        removed(id, step.upToGeneration);
        log.info('session.removed', { session: id });
        return true;
      case 'fail':
        this.attempts.fail(step.reason);
        return true;
      default:
        return step satisfies never;
    }
  }

  async #start(): Promise<boolean> {
    const { driver, wakeAfter } = this.#deps;
    const verdict = this.#pacer.verdict();
    if (typeof verdict !== 'number') {
      this.attempts.fail(tooManyEnds(verdict.last));
      return true;
    }
    if (verdict > 0) {
      wakeAfter(verdict);
      return false;
    }
    const outcome = await this.#ifStillNext('start', (signal) => driver.start(this.#sessionId, signal));
    if (outcome === undefined) return true;
    if (outcome.ok) {
      this.attempts.forget();
      this.#pacer.started();
    } else if (outcome.why === 'failed') await this.#discard();
    return this.#judge(outcome);
  }

  async #judge(outcome: Outcome): Promise<boolean> {
    if (!this.attempts.judge(outcome)) return false;
    await this.look();
    if (!outcome.ok && outcome.why === 'exists' && this.#seen.container === undefined)
      throw new Error('another container has the name of this session, and no container of the session is visible yet');
    return true;
  }

  /**
   * A container that fails to start can be damaged, for example by a crash of the engine.
   * Everything of value is in the volume.
   */
  async #discard(): Promise<void> {
    await this.look();
    const state = this.#seen.container?.state;
    if (state === 'created' || state === 'exited') await this.#deps.calls.call((signal) => this.#removeContainer(signal));
  }

  async #removeContainer(signal: AbortSignal): Promise<void> {
    this.#pacer.expectEnd();
    await this.#deps.driver.removeContainer(this.#sessionId, signal);
    this.#deps.ended(this.#sessionId);
  }

  /**
   * Calls the engine for a step. A step can wait long for its turn, for example while the engine
   * hangs, so it is not taken if what is desired changed meanwhile; then this resolves to undefined.
   */
  #ifStillNext<T>(step: StepName, work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    return this.#deps.calls.call(async (signal) => (nameOf(this.next()) === step ? work(signal) : undefined));
  }

  #remembered(): Remembered {
    const { ledger, confirmed } = this.#deps;
    const remembered = ledger.remembered(this.#sessionId);
    return {
      ...remembered,
      removalDue: remembered.removalDue || (this.#removalAsked && remembered.tombstone !== undefined),
      failed: this.attempts.failed?.generation,
      confirmed: confirmed(this.#sessionId),
    };
  }

  #observed(): Observed {
    const { listener, guests } = this.#deps;
    const { container, volume } = this.#seen;
    const { copy, source } = this.volume.observed();
    const drain = this.drain.state(container?.id);
    return {
      container,
      volume,
      listening: listener.isOpen(this.#sessionId),
      guest: guests.isConnected(this.#sessionId),
      drain: drain === 'none' && guests.isDraining(this.#sessionId) ? 'asked' : drain,
      copy,
      source,
    };
  }
}
