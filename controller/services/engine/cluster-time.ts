import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import { type Metrics, silentMetrics } from '../../../seams/metrics.ts';
import { type Ages, agesAt, type Correction, type KeptTime, withCorrection } from '../../domain/engine/agreed-time.ts';

/** How far the wall clock may move against the monotonic one within {@link COMPARED_MS} and still count as running evenly. */
const TOLERANCE_MS = 1_000;
/** The clocks are compared over stretches of this length, so that a slewed clock is followed (up to 1.6 %). */
const COMPARED_MS = 60_000;
/** A step that was not taken back for so long is for good. */
const HOLD_MS = 10 * 60_000;
/** Most of an absence that counts as time passed when nothing but the wall clock tells how long it was. */
export const MAX_ABSENCE_MS = 3_600_000;

/**
 * The time of rows, and how old they are.
 *
 * 1. While wall clock and monotonic clock agree, it is the wall clock.
 * 2. A step of the wall clock is not followed: time goes on evenly. One that is taken back within ten minutes leaves no trace.
 * 3. One that stays is followed, and kept as a correction: rows get right times again, and ages leave the step out.
 * 4. A sleeping machine's time counts where its boot clock saw it pass; a suspended virtual machine's does not.
 * 5. The time in which no controller ran counts in full when the machine's boot clock saw it; else only up to an hour of it.
 */
export class ClusterTime implements Ages {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #steps;
  #corrections: readonly Correction[];
  /** What this time is ahead of the wall clock while a step of it is disputed; else 0. */
  #offsetMs = 0;
  #disputedSince = 0;
  /** Where the clocks were compared last. */
  #compared: { readonly wall: number; readonly monotonic: number; readonly boot: KeptTime['boot'] };
  #last: number;

  /** `lastTime`: of the newest row, for a store that kept nothing else. */
  constructor(clock: Clock, kept: KeptTime | undefined, lastTime: number, log: Log, metrics: Metrics = silentMetrics) {
    this.#clock = clock;
    this.#log = log;
    this.#steps = metrics.counter<'outcome'>({
      name: 'clock_steps_total',
      help: 'Steps of the wall clock: seen (not followed yet), taken back, or accepted after ten minutes.',
      labels: ['outcome'],
    });
    this.#corrections = kept?.corrections ?? [];
    this.#compared = this.#sample();
    this.#last = lastTime;
    const at = kept?.at ?? lastTime;
    if (at > 0) this.#resume(at, kept?.boot);
  }

  /** Unix milliseconds. Runs evenly, but for a correction. */
  now(): number {
    return this.#compare() + this.#offsetMs;
  }

  /** The time of a new row: later than that of the one before, but after the clock was set back for good. */
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
    // The boot clock is a file to read, and each commit keeps the time. It has gone as the monotonic one: else the wall clock had shown a sleep.
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

  /** Returns what the wall clock shows. */
  #compare(): number {
    const wall = this.#clock.now();
    const monotonic = this.#clock.monotonic();
    const passed = monotonic - this.#compared.monotonic;
    const step = wall - this.#compared.wall - passed;
    if (Math.abs(step) > TOLERANCE_MS) {
      const before = this.#compared.boot?.ms;
      this.#compared = this.#sample();
      const bootMs = this.#compared.boot?.ms;
      // The boot clock runs while the machine sleeps, the monotonic one does not.
      const slept = before === undefined || bootMs === undefined ? 0 : Math.max(0, bootMs - before - passed);
      this.#stepped(step - slept);
    } else if (passed >= COMPARED_MS) this.#compared = this.#sample();
    if (this.#offsetMs !== 0 && monotonic - this.#disputedSince >= HOLD_MS) this.#accept();
    return wall;
  }

  /** The wall clock shows so much more than what has passed. */
  #stepped(step: number): void {
    if (Math.abs(step) <= TOLERANCE_MS) return;
    this.#offsetMs -= step;
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
    // Rows of a clock that was ahead keep their times; new ones get right ones.
    this.#last = Math.min(this.#last, Math.floor(this.#compared.wall));
  }

  #correct(from: number, byMs: number): void {
    this.#corrections = withCorrection(this.#corrections, { from: Math.floor(from), byMs: Math.round(byMs) });
    this.#steps.add(1, { outcome: 'accepted' });
    this.#log.warn('clock.corrected', { by_ms: Math.round(byMs) });
  }
}
