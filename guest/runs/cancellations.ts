import type { CancelMessage__Output as CancelMessage } from '../../proto/generated/raworc/v0/CancelMessage.ts';
import type { Clock } from '../../seams/clock.ts';

interface Cancelled {
  readonly seq: number;
  /** When its run is interrupted, on the monotonic clock. */
  readonly untilMs: number;
}

/**
 * The cancelled messages of the session, until they are answered or settled. In memory: every
 * welcome names them again before anything runs.
 */
export class Cancellations {
  readonly #clock: Clock;
  readonly #cancelled = new Map<string, Cancelled>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The earliest end of the grace counts, so that a repetition does not extend it. */
  add({ messageId, seq, graceMs }: Pick<CancelMessage, 'messageId' | 'seq' | 'graceMs'>): void {
    const untilMs = this.#clock.monotonic() + graceMs;
    const known = this.#cancelled.get(messageId);
    if (known === undefined || untilMs < known.untilMs) this.#cancelled.set(messageId, { seq, untilMs });
  }

  has(messageId: string): boolean {
    return this.#cancelled.has(messageId);
  }

  graceLeftMs(messageId: string): number {
    return Math.max(0, (this.#cancelled.get(messageId)?.untilMs ?? 0) - this.#clock.monotonic());
  }

  forget(messageId: string): void {
    this.#cancelled.delete(messageId);
  }

  forgetUpTo(settledSeq: number): void {
    for (const [messageId, { seq }] of this.#cancelled) if (seq <= settledSeq) this.#cancelled.delete(messageId);
  }
}
