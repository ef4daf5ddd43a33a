import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import { COPY_MAY_TAKE_MS } from '../domain/copying.ts';
import type { Step } from '../domain/next-step.ts';
import type { CopyState, SourceState } from '../domain/session.ts';
import type { CopySeen } from '../engine/copier.ts';
import type { Driver, Made } from '../engine/driver.ts';
import type { Ledger } from '../ledger/ledger.ts';

export interface CopyingDeps {
  readonly driver: Driver;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Log;
  /** How the volume of another session stands, of which a copy is to be made. */
  sourceOf(sessionId: string): SourceState;
  /** Something is different for that session, too. */
  wake(sessionId: string): void;
}

type CopyStep = Extract<Step, { kind: 'begin-copy' | 'hold-source' | 'start-copy' | 'let-source' | 'keep-copy' | 'end-copy' }>;
type Broken = Extract<CopySeen, { state: 'broken' }>;

/** How a step calls the engine and waits for the ledger. */
export interface Calls {
  call<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  durable<T>(write: Promise<T>): Promise<T>;
}

/** The making of one session's volume as a copy of another's: each step of it, and what is seen of it. */
export class Copying {
  readonly #sessionId: string;
  readonly #deps: CopyingDeps;
  readonly #calls: Calls;
  #seen: CopySeen = { state: 'none' };
  /** Since when it holds its source, as far as is known, by the monotonic clock. */
  #holdsSinceMs: number | undefined;
  #startedAtMs = Number.NEGATIVE_INFINITY;
  #read = false;

  constructor(sessionId: string, deps: CopyingDeps, calls: Calls) {
    this.#sessionId = sessionId;
    this.#deps = deps;
    this.#calls = calls;
  }

  /** Costs a call only where a copy is due or was begun. */
  async look(): Promise<void> {
    const { driver, ledger, clock } = this.#deps;
    if (ledger.copies.sourceOf(this.#sessionId) === undefined) this.#seen = { state: 'none' };
    else this.#seen = await this.#calls.call((signal) => driver.copier.observe(this.#sessionId, signal));
    if (ledger.copies.stateOf(this.#sessionId) === undefined) this.#holdsSinceMs = undefined;
    else this.#holdsSinceMs ??= clock.monotonic();
    if (this.leftMs() === 0) this.#seen = { state: 'broken', passing: false, reason: TOO_LONG };
  }

  observed(): { readonly copy: CopyState; readonly source: SourceState } {
    const from = this.#deps.ledger.copies.sourceOf(this.#sessionId);
    const { state } = this.#seen;
    const source = from === undefined ? 'moving' : this.#deps.sourceOf(from);
    return { copy: state === 'alive' ? this.#alive() : state, source };
  }

  /** Milliseconds until a copy has taken too long; undefined when none is under way. */
  leftMs(): number | undefined {
    if (this.#holdsSinceMs === undefined) return undefined;
    return Math.max(0, Math.ceil(this.#holdsSinceMs + COPY_MAY_TAKE_MS - this.#deps.clock.monotonic()));
  }

  /** Milliseconds after which it is to be looked at again, whatever happens; undefined when no copy is under way. */
  lookAgainMs(): number | undefined {
    const leftMs = this.leftMs();
    return leftMs === undefined ? undefined : Math.min(leftMs, START_AGAIN_MS);
  }

  /** What copies may not have heard that it is to start, or was told by a node agent before this one. Told twice does no harm. */
  #alive(): CopyState {
    if (this.#read) return 'flushing';
    return this.#deps.clock.monotonic() - this.#startedAtMs < START_AGAIN_MS ? 'running' : 'ready';
  }

  /** What the engine made of it, or what was wrong with a copy that was ended; undefined where there is nothing to judge. */
  async take(step: CopyStep): Promise<Made | Broken | undefined> {
    switch (step.kind) {
      case 'begin-copy':
        return this.#begin();
      case 'start-copy':
        return this.#start();
      case 'hold-source':
      case 'let-source':
        await this.#over(() => this.#deps.ledger.copyHolds(this.#sessionId, step.kind === 'hold-source'));
        return undefined;
      case 'keep-copy':
        await this.#keep(step.generation);
        return undefined;
      case 'end-copy':
        return this.#end();
      default:
        return step satisfies never;
    }
  }

  async #begin(): Promise<Made> {
    const { driver, ledger } = this.#deps;
    const from = ledger.copies.sourceOf(this.#sessionId);
    const spec = ledger.assignment(this.#sessionId)?.spec;
    if (from === undefined || spec === undefined) return { ok: true };
    await this.#calls.durable(ledger.copyBegun(this.#sessionId, from));
    this.#startedAtMs = Number.NEGATIVE_INFINITY;
    this.#read = false;
    const plan = { sessionId: this.#sessionId, from, space: spec.space, image: spec.image };
    return this.#calls.call((signal) => driver.copier.prepare(plan, signal));
  }

  async #start(): Promise<Made> {
    const { driver, clock, log } = this.#deps;
    const id = this.#sessionId;
    const read = () => {
      this.#read = true;
      this.#deps.wake(id);
    };
    log.info('session.copying', { session: id, from: this.#deps.ledger.copies.sourceOf(id) });
    const started = await this.#calls.call((signal) => driver.copier.start(id, read, signal));
    if (started.ok) this.#startedAtMs = clock.monotonic();
    return started;
  }

  /** It is whole: the source goes on, and what is copied is never copied again. */
  async #keep(generation: number): Promise<void> {
    const { driver, ledger, log } = this.#deps;
    await this.#over(() => ledger.copyMade(this.#sessionId, generation));
    await this.#calls.call((signal) => driver.copier.end(this.#sessionId, signal));
    log.info('session.copied', { session: this.#sessionId });
  }

  /** What was copied counts for nothing. Answers what was wrong with it, if anything. */
  async #end(): Promise<Broken | undefined> {
    const { driver, ledger, log } = this.#deps;
    const seen = this.#seen;
    await this.#calls.call((signal) => driver.copier.end(this.#sessionId, signal));
    await this.#over(() => ledger.copyEnded(this.#sessionId));
    if (seen.state !== 'broken') return undefined;
    log.warn('session.copy-failed', { session: this.#sessionId, reason: seen.reason });
    return seen;
  }

  /** The source hears what the ledger says of it from now on. */
  async #over(write: () => Promise<void>): Promise<void> {
    const from = this.#deps.ledger.copies.sourceOf(this.#sessionId);
    await this.#calls.durable(write());
    if (from !== undefined) this.#deps.wake(from);
  }
}

/** After this, what copies is told once more that it is to start. */
const START_AGAIN_MS = 10_000;
const TOO_LONG = `The copy of the volume took longer than ${COPY_MAY_TAKE_MS / 60_000} minutes and was given up.`;

/** Ends what makes copies and was left by a call whose end nobody saw. */
export async function endStrayCopies(driver: Driver, ledger: Ledger, signal: AbortSignal): Promise<void> {
  for (const sessionId of await driver.copier.list(signal))
    if (ledger.copies.stateOf(sessionId) === undefined) await driver.copier.end(sessionId, signal);
}
