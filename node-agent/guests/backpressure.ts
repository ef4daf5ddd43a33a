import type { Metrics } from '../../seams/metrics.ts';
import type { Outbox } from '../control/outbox.ts';
import type { ReadGate } from './read-gate.ts';

/** Bound of all sessions of a node together, in characters, in each direction. */
export const MAX_RELAYED = { held: 64 * 1024 * 1024, answers: 64 * 1024 * 1024 } as const;

/**
 * What all sessions of this node share: memory for messages that their guests have not read and for
 * unsettled answers, and the way to the controller. Guests are paused while one of them is full.
 */
export class Backpressure {
  readonly #outbox: Outbox;
  /** Paused while the answers, or the outbox, are full. */
  readonly #byAnswers = new Set<ReadGate>();
  readonly #byOutbox = new Set<ReadGate>();
  #held = 0;
  #answers = 0;

  /** `room` is called first when the outbox has room again. */
  constructor(outbox: Outbox, metrics: Metrics, room: () => void) {
    this.#outbox = outbox;
    metrics.gauge({ name: 'relay_held_characters', help: 'Messages held for guests.', read: () => this.#held });
    metrics.gauge({ name: 'relay_answer_characters', help: 'Answers that are not settled.', read: () => this.#answers });
    outbox.onRoom(() => {
      room();
      if (outbox.isCrowded) return;
      for (const gate of this.#byOutbox) gate.resume('outbox');
      this.#byOutbox.clear();
    });
  }

  hasRoom(characters: number): boolean {
    return this.#held + characters <= MAX_RELAYED.held;
  }

  /** Adds this many characters of messages; a negative number removes them. */
  addHeld(characters: number): void {
    this.#held += characters;
  }

  /** Counts answers. Pauses a guest whose answer exceeds the budget until half of it is free. */
  addAnswer(characters: number, gate: ReadGate): void {
    this.#answers += characters;
    if (this.#answers < MAX_RELAYED.answers) return;
    this.#byAnswers.add(gate);
    gate.pause('node-answers');
  }

  removeAnswers(characters: number): void {
    this.#answers -= characters;
    if (this.#answers > MAX_RELAYED.answers / 2) return;
    for (const gate of this.#byAnswers) gate.resume('node-answers');
    this.#byAnswers.clear();
  }

  /** Pauses a guest while the outbox is crowded, so that no guest ends the shared stream. */
  check(gate: ReadGate): void {
    if (!this.#outbox.isCrowded) return;
    this.#byOutbox.add(gate);
    gate.pause('outbox');
  }

  forget(gate: ReadGate): void {
    this.#byAnswers.delete(gate);
    this.#byOutbox.delete(gate);
  }
}
