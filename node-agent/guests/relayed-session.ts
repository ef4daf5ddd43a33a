import type { GuestFrame } from '../../proto/frame.ts';
import type { Clock, Timer } from '../../seams/clock.ts';
import type { Backpressure } from './backpressure.ts';
import { GuestPace } from './guest-pace.ts';
import { GuestQueue } from './guest-queue.ts';
import { KeptAnswers } from './kept-answers.ts';
import type { GuestLink } from './listener.ts';
import { ReadGate } from './read-gate.ts';

/** The relay's state of one session. It outlives its guest's connections. */
export class RelayedSession {
  /** The highest seq that its guest has confirmed as durable. */
  acceptedSeq = 0;
  /** The life of the guest's memory, as the guest counts it. */
  life = 0;
  /** A guest that started before byte streams existed does not understand a request for one. */
  takesStreams = false;
  /** The same for cancelled messages. */
  takesCancels = false;
  /**
   * No message up to this number needs an answer. The guest knows, or learns it from its welcome.
   */
  settledSeq = 0;
  readonly gate = new ReadGate();
  readonly queue: GuestQueue;
  readonly answers: KeptAnswers;
  readonly #backpressure: Backpressure;
  readonly #clock: Clock;
  readonly #pace = new GuestPace();
  #link: GuestLink | undefined;
  #resting: Timer | undefined;

  constructor(backpressure: Backpressure, clock: Clock) {
    this.#backpressure = backpressure;
    this.#clock = clock;
    this.queue = new GuestQueue(backpressure);
    this.answers = new KeptAnswers(backpressure, this.gate);
  }

  /** The link to its guest, once welcomed. */
  get link(): GuestLink | undefined {
    return this.#link;
  }

  connect(link: GuestLink): void {
    const older = this.#link;
    this.#link = link;
    older?.close(new Error('a newer connection of this session'));
  }

  disconnect(): void {
    this.#link = undefined;
    this.gate.attach(undefined);
    this.queue.disconnected();
  }

  /** Charges a frame to its guest's rate. Returns true if this pauses the guest. */
  charge(frame: GuestFrame): boolean {
    const restMs = this.#pace.heard(frame, this.#clock.monotonic());
    if (restMs === 0 || this.#resting !== undefined) return false;
    this.gate.pause('pace');
    this.#resting = this.#clock.after(restMs, () => {
      this.#resting = undefined;
      this.gate.resume('pace');
    });
    return true;
  }

  accepted(seq: number): void {
    this.acceptedSeq = Math.max(this.acceptedSeq, seq);
  }

  close(): void {
    this.#resting?.cancel();
    this.queue.clear();
    this.answers.clear();
    this.#backpressure.forget(this.gate);
    this.#link?.close();
  }
}
