import type { Clock } from '../../../../seams/clock.ts';
import type { Log } from '../../../../seams/log.ts';
import { type Metrics, silentMetrics } from '../../../../seams/metrics.ts';
import { type Ages, agesAt, type Correction, type KeptTime, withCorrection } from '../../../domain/engine/agreed-time.ts';

/**
 * Drift between wall and monotonic clock within {@link COMPARED_MS} that does not count as a step.
 */
const TOLERANCE_MS = 1_000;
/** Clocks are compared over this interval, which follows a slewed clock (up to 1.6 %). */
const COMPARED_MS = 60_000;
/** A step that lasts this long is accepted. */
const HOLD_MS = 10 * 60_000;
/** Longest absence that counts as passed time if only the wall clock measured it. */
export const MAX_ABSENCE_MS = 3_600_000;

/**
 * The time of rows, and their age.
 * 1. While wall clock and monotonic clock agree, it is the wall clock.
 * 2. It does not follow a step of the wall clock. A step that is undone within ten minutes leaves
 *    no trace.
 * 3. A lasting step is accepted and stored as a correction: new rows get correct times, and ages
 *    exclude the step.
 * 4. Time counts while a machine sleeps, if its boot clock ran; not while a virtual machine is
 *    suspended.
 * 5. Time without a running controller counts in full if the machine's boot clock measured it, else
 *    up to an hour.
 */
export class ClusterTime implements Ages {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #steps;
  #corrections: readonly Correction[];
  /** How far this time is ahead of the wall clock while a step is pending, else 0. */
  #offsetMs = 0;
  #disputedSince = 0;
  /** The clocks at the last comparison. */
  #compared: { readonly wall: number; readonly monotonic: number; readonly boot: KeptTime['boot'] };
  #last: number;

  /** `lastTime` is that of the newest row, for a store without a stored time. */
  constructor(clock: Clock, kept: KeptTime | undefined, lastTime: number, log: Log, metrics: Metrics = silentMetrics) {
    this.#clock = clock;
    this.#log = log;
    this.#steps = metrics.counter<'outcome'>({
      name: 'clock_steps_total',
      help: 'Steps of the wall clock: seen (pending), undone, or accepted after ten minutes.',
      labels: ['outcome'],
    });
    this.#corrections = kept?.corrections ?? [];
    this.#compared = this.#sample();
    this.#last = lastTime;
    const at = kept?.at ?? lastTime;
    if (at > 0) this.#resume(at, kept?.boot);
  }

  /** Unix milliseconds. Advances evenly, except for a correction. */
  now(): number {
    return this.#compare() + this.#offsetMs;
  }

  /**
   * Returns the time of a new row: later than the row before, unless a clock correction set it
   * back.
   */
  stamp(): number {
    this.#last = Math.max(Math.floor(this.now()), this.#last + 1);
    return this.#last;
  }

  /** The time of the newest row. */
  get last(): number {
    return this.#last;
  }

  ageMs(at: number): number {
    return agesAt(this.now(), this.#corrections).ageMs(at);
  }

  before(keptMs: number): number {
    return agesAt(this.now(), this.#corrections).before(keptMs);
  }

  keep(): KeptTime {
    const at = Math.floor(this.now());
    // Reading the boot clock means reading a file, which is too slow for each commit. Extrapolate
    // with the monotonic clock instead: if the machine had slept, the wall clock would show it.
    const { boot, monotonic } = this.#compared;
    const passed = this.#clock.monotonic() - monotonic;
    return { at, boot: boot && { id: boot.id, ms: boot.ms + passed }, corrections: this.#corrections };
  }

  #resume(at: number, boot: KeptTime['boot']): void {
    const { wall } = this.#compared;
    const now = this.#clock.sinceBoot?.();
    const seenMs = boot !== undefined && now !== undefined && now.id === boot.id && now.ms >= boot.ms ? now.ms - boot.ms : undefined;
    if (seenMs !== undefined) return this.#stepped(wall - (at + seenMs));
    if (wall < at) return this.#stepped(wall - at);
    const uncounted = wall - at - MAX_ABSENCE_MS;
    if (uncounted > 0) this.#correct(at + MAX_ABSENCE_MS, uncounted);
  }

  #sample() {
    return { wall: this.#clock.now(), monotonic: this.#clock.monotonic(), boot: this.#clock.sinceBoot?.() };
  }

  /** Returns the time of the wall clock. */
  #compare(): number {
    const wall = this.#clock.now();
    const monotonic = this.#clock.monotonic();
    const passed = monotonic - this.#compared.monotonic;
    const step = wall - this.#compared.wall - passed;
    if (Math.abs(step) > TOLERANCE_MS) {
      const before = this.#compared.boot?.ms;
      this.#compared = this.#sample();
      const bootMs = this.#compared.boot?.ms;
      // The boot clock runs while the machine sleeps; the monotonic clock does not.
      const slept = before === undefined || bootMs === undefined ? 0 : Math.max(0, bootMs - before - passed);
      this.#stepped(step - slept);
    } else if (passed >= COMPARED_MS) this.#compared = this.#sample();
    if (this.#offsetMs !== 0 && monotonic - this.#disputedSince >= HOLD_MS) this.#accept();
    return wall;
  }

  /** Handles a wall clock that moved this much more than the time that passed. */
  #stepped(step: number): void {
    if (Math.abs(step) <= TOLERANCE_MS) return;
    // Whole, like the wall clock: ages enter integer columns.
    this.#offsetMs -= Math.round(step);
    if (Math.abs(this.#offsetMs) <= 2 * TOLERANCE_MS) {
      this.#offsetMs = 0;
      this.#steps.add(1, { outcome: 'taken_back' });
      this.#log.info('clock.step_taken_back');
      return;
    }
    this.#disputedSince = this.#compared.monotonic;
    this.#steps.add(1, { outcome: 'seen' });
    this.#log.warn('clock.stepped', { by_ms: Math.round(step), followed_in_ms: HOLD_MS });
  }

  #accept(): void {
    const byMs = -this.#offsetMs;
    const from = Math.floor(this.#clock.now() + this.#offsetMs);
    this.#offsetMs = 0;
    this.#compared = this.#sample();
    this.#correct(from, byMs);
    // Rows of a fast clock keep their times; new ones get correct times.
    this.#last = Math.min(this.#last, Math.floor(this.#compared.wall));
  }

  #correct(from: number, byMs: number): void {
    this.#corrections = withCorrection(this.#corrections, { from: Math.floor(from), byMs: Math.round(byMs) });
    this.#steps.add(1, { outcome: 'accepted' });
    this.#log.warn('clock.corrected', { by_ms: Math.round(byMs) });
  }
}
