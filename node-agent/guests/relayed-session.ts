import type { Timer } from '../../seams/clock.ts';
import { GuestPace } from './guest-pace.ts';
import { GuestQueue } from './guest-queue.ts';
import { KeptAnswers } from './kept-answers.ts';
import type { GuestLink } from './listener.ts';
import { ReadGate } from './read-gate.ts';
import type { RelayBudget } from './relay-budget.ts';

/** What the relay remembers of one session. It outlives its guest's connections. */
export class RelayedSession {
  /** The highest seq that its guest holds durably, as far as it said. */
  acceptedSeq = 0;
  /** Of the guest's memory, as the guest counts. */
  life = 0;
  /** No message up to this number is to be answered: its guest knows, or will with its welcome. */
  settledSeq = 0;
  readonly gate = new ReadGate();
  readonly pace = new GuestPace();
  readonly queue: GuestQueue;
  readonly answers: KeptAnswers;
  readonly #budget: RelayBudget;
  #link: GuestLink | undefined;
  #resting: Timer | undefined;

  constructor(budget: RelayBudget) {
    this.#budget = budget;
    this.queue = new GuestQueue(budget);
    this.answers = new KeptAnswers(budget, this.gate);
  }

  /** To its guest, once that was welcomed. */
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

  get isResting(): boolean {
    return this.#resting !== undefined;
  }

  /** Its guest says too much: it is not read until the timer is up. */
  rest(after: (work: () => void) => Timer): void {
    this.gate.pause('pace');
    this.#resting = after(() => {
      this.#resting = undefined;
      this.gate.resume('pace');
    });
  }

  accepted(seq: number): void {
    this.acceptedSeq = Math.max(this.acceptedSeq, seq);
  }

  close(): void {
    this.#resting?.cancel();
    this.queue.clear();
    this.answers.clear();
    this.#budget.forget(this.gate);
    this.#link?.close();
  }
}
