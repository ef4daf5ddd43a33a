import type { Timer } from '../../seams/clock.ts';
import { messageOf } from '../../seams/message-of.ts';
import { restartDelayMs } from '../domain/restart-delay.ts';
import { nameOf, type StepName } from '../domain/step.ts';
import type { Seen } from '../engine/seen.ts';
import type { ReconcilerDeps } from './reconciler-deps.ts';
import { type Orphan, orphanOf, type Status } from './status.ts';
import { StatusReporter } from './status-reporter.ts';
import { Steps } from './steps.ts';

const STEPS_IN_A_ROW = 32;
/** Steps that are delayed after failures of the engine. */
const MAKING: ReadonlySet<StepName> = new Set(['create-volume', 'create-container', 'start', 'prepare-copy']);

/**
 * Brings one session to its desired state, one step at a time. Any possible change wakes it; an
 * unnecessary wake-up does nothing. A failed step is retried with back-off.
 */
export class Reconciler {
  readonly sessionId: string;
  readonly #deps: ReconcilerDeps;
  readonly #ending = new AbortController();
  readonly #reporter: StatusReporter;
  readonly #steps: Steps;
  #woken = false;
  #running: Promise<void> | undefined;
  #retry: Timer | undefined;
  #faults = 0;

  constructor(sessionId: string, deps: ReconcilerDeps) {
    this.sessionId = sessionId;
    this.#deps = deps;
    this.#reporter = new StatusReporter(sessionId, deps);
    this.#steps = new Steps(sessionId, {
      ...deps,
      calls: {
        call: (work) => deps.engine.call(this.#ending.signal, work),
        durable: (write) => this.#durable(write),
      },
      wake: () => this.wake(),
      wakeAfter: (delayMs) => this.#wakeAfter(delayMs),
    });
  }

  wake(): void {
    this.#woken = true;
    if (this.#running !== undefined || this.#ending.signal.aborted) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#woken) this.wake();
      else this.#deps.rested(this.sessionId);
    });
  }

  /** A session took this slot: its controller waits for an answer that needs no call of the engine. */
  claimed(): void {
    this.#steps.claimed();
    this.wake();
  }

  /** Accepts the session's part of a full listing, and wakes the session if it differs. */
  listed(seen: Seen): void {
    if (this.#steps.listed(seen, this.#running === undefined)) this.wake();
  }

  /**
   * Its guest connected or disconnected. A new guest can lack what was on its way to the old one,
   * so the session is reported again.
   */
  guestChanged(): void {
    this.#reporter.forget();
    this.#steps.drain.guestChanged();
    this.wake();
  }

  /** Fails the session: the image that it waits for cannot be built again. */
  imageGone(image: string, reason: string): void {
    this.#steps.attempts.imageGone(image, reason);
    this.wake();
  }

  /** Its guest has finished draining. */
  drained(): void {
    this.#steps.drain.drained();
  }

  /** The engine went away. Steps continue once it is back. */
  engineLost(): void {
    this.#steps.engineLost();
    this.wake();
  }

  /** The controller requested a removal again, so it is confirmed again. */
  askRemoval(): void {
    this.#steps.askRemoval();
    this.wake();
  }

  /** Returns the current report, which counts as sent; undefined if there is nothing to report. */
  status(): Status | undefined {
    const phase = this.#steps.phase();
    return phase === undefined ? undefined : this.#reporter.tell(phase, this.#steps.seen, this.#steps.attempts.failed);
  }

  /** Whether its container runs or is frozen. */
  isUp(): boolean {
    const state = this.#steps.seen.container?.state;
    return state === 'running' || state === 'paused';
  }

  /** Whether its container runs or is frozen, or was not looked at yet. */
  canBeUp(): boolean {
    return !this.#steps.hasLooked || this.isUp();
  }

  /** Fails the session at this generation, for a reason found elsewhere. */
  giveUp(reason: string): void {
    const generation = this.#deps.ledger.assignment(this.sessionId)?.generation;
    if (generation === undefined || this.#steps.attempts.failed?.generation === generation) return;
    this.#steps.attempts.fail(reason);
    this.wake();
  }

  /** Whether its container runs but its guest is not connected. */
  awaitsGuest(): boolean {
    return this.#steps.seen.container?.state === 'running' && !this.#deps.guests.isConnected(this.sessionId);
  }

  /** Containers and volumes with this node's label, but no assignment or tombstone. */
  orphan(): Orphan | undefined {
    return orphanOf(this.sessionId, this.#deps.ledger.remembered(this.sessionId), this.#steps.seen);
  }

  /** Whether nothing of the session exists, and nothing is left to do or report. */
  isSpent(): boolean {
    const { ledger } = this.#deps;
    const { container, volume } = this.#steps.seen;
    const isThere = container !== undefined || volume !== undefined || ledger.isLive(this.sessionId);
    return !isThere && !this.#steps.isRemovalAsked && this.#running === undefined && ledger.copies.of(this.sessionId) === undefined;
  }

  /** Resolves when the session has nothing more to do for now. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Aborts the current step or waits for it, and starts no other. */
  async close(): Promise<void> {
    this.#ending.abort(new Error('the node agent is shutting down'));
    this.#retry?.cancel();
    await this.idle();
    this.#steps.drain.close();
  }

  async #run(): Promise<void> {
    while (this.#woken && !this.#ending.signal.aborted) {
      this.#woken = false;
      try {
        await this.#pass();
        this.#faults = 0;
      } catch (error) {
        if (this.#ending.signal.aborted) return;
        this.#faults += 1;
        const message = messageOf(error);
        this.#deps.log.warn('session.step-failed', { session: this.sessionId, faults: this.#faults, error: message });
        this.#wakeAfter(restartDelayMs(this.#faults + 1));
      }
    }
  }

  async #pass(): Promise<void> {
    const { ledger, stepping } = this.#deps;
    const { attempts, volume } = this.#steps;
    await this.#steps.look();
    for (let taken = 0; taken < STEPS_IN_A_ROW && !this.#ending.signal.aborted; taken += 1) {
      const step = this.#steps.next();
      if (step.kind === 'rest') {
        if (step.phase !== undefined) this.#reporter.say(step.phase, this.#steps.seen, attempts.failed);
        const againMs = volume.lookAgainMs();
        if (againMs !== undefined) this.#wakeAfter(againMs);
        return ledger.copies.setSource(this.sessionId, this.#steps.sourceState());
      }
      ledger.copies.setSource(this.sessionId, 'moving');
      if (this.#steps.phase() === 'STARTING') this.#reporter.begin(this.#steps.seen, attempts.failed);
      const waitMs = MAKING.has(nameOf(step)) ? attempts.waitMs() : 0;
      if (waitMs > 0) return this.#wakeAfter(waitMs);
      stepping(nameOf(step));
      if (!(await this.#steps.take(step))) return;
    }
    // An endless sequence of steps is a fault, and delays the session like one.
    throw new Error(`the session did not settle within ${STEPS_IN_A_ROW} steps`);
  }

  #wakeAfter(delayMs: number): void {
    this.#retry?.cancel();
    this.#retry = this.#deps.clock.after(delayMs, () => this.wake());
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
