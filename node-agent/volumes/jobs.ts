import type { CopyState, SourceState } from '../domain/session.ts';
import type { VolumeJob } from '../domain/step.ts';
import { COPY_MAY_TAKE_MS } from '../domain/volume-copy.ts';
import type { Driver } from '../engine/driver.ts';
import type { Outcome } from '../engine/outcome.ts';
import type { CopySeen, VolumeWork } from '../engine/volume-work.ts';
import type { Host } from '../host.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { type CreateDeps, create } from '../session/create.ts';

export interface VolumeJobsDeps extends CreateDeps, Pick<Host, 'clock' | 'log'> {
  /** Something about the session changed. */
  wake(): void;
}

/** After this time, the copier is started again. */
const START_AGAIN_MS = 10_000;
const TOO_LONG = `The copy of the volume took longer than ${COPY_MAY_TAKE_MS / 60_000} minutes and was cancelled.`;
const DONE: Outcome = { ok: true };
const NEVER = Number.NEGATIVE_INFINITY;

/**
 * All operations on one session's volume. Each is recorded in the ledger before it takes effect,
 * and can be repeated.
 */
export class VolumeJobs {
  readonly #sessionId: string;
  readonly #deps: VolumeJobsDeps;
  #copy: CopySeen = { state: 'none' };
  /** When the current copy started, as far as is known, on the monotonic clock. */
  #copyingSinceMs: number | undefined;
  #startedAtMs = NEVER;
  #isRead = false;

  constructor(sessionId: string, deps: VolumeJobsDeps) {
    this.#sessionId = sessionId;
    this.#deps = deps;
  }

  /** Resolves to undefined if the ledger no longer has anything to create. */
  async run(job: VolumeJob): Promise<Outcome | undefined> {
    const { ledger, log, calls } = this.#deps;
    const sessionId = this.#sessionId;
    switch (job.kind) {
      case 'create-volume':
        return create('volume', sessionId, job.generation, this.#deps);
      case 'prepare-copy':
        return this.#prepare();
      case 'hold-source':
      case 'release-source':
        await calls.durable(ledger.copyHolds(sessionId, job.kind === 'hold-source'));
        return DONE;
      case 'start-copy':
        return this.#start();
      case 'keep-copy':
        await calls.durable(ledger.copyKept(sessionId, job.generation));
        // The copier has exited. If it cannot be removed now, the next listing removes it as a stray.
        await this.#work({ kind: 'end-copy', sessionId });
        log.info('session.copied', { session: sessionId });
        return DONE;
      case 'end-copy':
        return this.#end();
      case 'remove-volume':
        return this.#work({ kind: 'remove-volume', sessionId });
      default:
        return job satisfies never;
    }
  }

  /** Calls the engine only if a copy is due or in progress. */
  async look(): Promise<void> {
    const { driver, ledger, clock, calls } = this.#deps;
    if (ledger.copies.sourceOf(this.#sessionId) === undefined) this.#copy = { state: 'none' };
    else this.#copy = await calls.call((signal) => driver.copy(this.#sessionId, signal));
    if (ledger.copies.stateOf(this.#sessionId) === undefined) this.#copyingSinceMs = undefined;
    else this.#copyingSinceMs ??= clock.monotonic();
    if (this.#leftMs() === 0) this.#copy = { state: 'broken', passing: false, reason: TOO_LONG };
  }

  observed(): { readonly copy: CopyState; readonly source: SourceState } {
    const { state } = this.#copy;
    return { copy: state === 'alive' ? this.#alive() : state, source: this.#deps.ledger.copies.sourceState(this.#sessionId) };
  }

  /**
   * Returns the milliseconds until the session must be observed again; undefined without a copy.
   */
  lookAgainMs(): number | undefined {
    const leftMs = this.#leftMs();
    return leftMs === undefined ? undefined : Math.min(leftMs, START_AGAIN_MS);
  }

  /**
   * The copier can have missed its start, or an earlier node agent started it. Starting it twice is
   * harmless.
   */
  #alive(): CopyState {
    if (this.#isRead) return 'flushing';
    return this.#deps.clock.monotonic() - this.#startedAtMs < START_AGAIN_MS ? 'running' : 'ready';
  }

  #leftMs(): number | undefined {
    if (this.#copyingSinceMs === undefined) return undefined;
    return Math.max(0, Math.ceil(this.#copyingSinceMs + COPY_MAY_TAKE_MS - this.#deps.clock.monotonic()));
  }

  async #prepare(): Promise<Outcome> {
    const { ledger, calls } = this.#deps;
    const from = ledger.copies.sourceOf(this.#sessionId);
    const spec = ledger.assignment(this.#sessionId)?.spec;
    if (from === undefined || spec === undefined) return DONE;
    await calls.durable(ledger.copyBegun(this.#sessionId, from));
    this.#startedAtMs = NEVER;
    this.#isRead = false;
    return this.#work({ kind: 'prepare-copy', plan: { sessionId: this.#sessionId, from, space: spec.space, image: spec.image } });
  }

  async #start(): Promise<Outcome> {
    const { ledger, clock, log, wake } = this.#deps;
    const sessionId = this.#sessionId;
    const read = () => {
      this.#isRead = true;
      wake();
    };
    log.info('session.copying', { session: sessionId, from: ledger.copies.sourceOf(sessionId) });
    const started = await this.#work({ kind: 'start-copy', sessionId, read });
    if (started.ok) this.#startedAtMs = clock.monotonic();
    return started;
  }

  /** Discards the copy. The outcome states what was wrong with it. */
  async #end(): Promise<Outcome> {
    const { ledger, log, calls } = this.#deps;
    const copy = this.#copy;
    const ended = await this.#work({ kind: 'end-copy', sessionId: this.#sessionId });
    // The copier can still read: its source stays held until it is known to be gone.
    if (!ended.ok) return ended;
    await calls.durable(ledger.copyEnded(this.#sessionId));
    if (copy.state !== 'broken') return DONE;
    log.warn('session.copy-failed', { session: this.#sessionId, reason: copy.reason });
    return { ok: false, why: copy.passing ? 'failed' : 'refused', reason: copy.reason };
  }

  #work(work: VolumeWork): Promise<Outcome> {
    return this.#deps.calls.call((signal) => this.#deps.driver.volume(work, signal));
  }
}

/** Stops copiers left behind by calls with an unknown outcome. */
export async function endStrayCopies(driver: Driver, ledger: Ledger, signal: AbortSignal): Promise<void> {
  for (const sessionId of await driver.copies(signal))
    if (ledger.copies.stateOf(sessionId) === undefined) await driver.volume({ kind: 'end-copy', sessionId }, signal);
}
