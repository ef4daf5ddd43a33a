import type { ReadGate } from './read-gate.ts';

/** Of all sessions of a node together, in characters, each way. */
export const MAX_RELAYED = { held: 64 * 1024 * 1024, answers: 64 * 1024 * 1024 } as const;

/**
 * The memory that all sessions of this node share, for messages that their guests have not read and
 * for unsettled answers.
 */
export class RelayBudget {
  readonly #paused = new Set<ReadGate>();
  #held = 0;
  #answers = 0;

  get held(): number {
    return this.#held;
  }

  get answers(): number {
    return this.#answers;
  }

  hasRoom(characters: number): boolean {
    return this.#held + characters <= MAX_RELAYED.held;
  }

  /** Characters of messages were added; negative: removed. */
  addHeld(characters: number): void {
    this.#held += characters;
  }

  /**
   * Counts answers. A guest whose answer finds the budget full is paused until half of it is free.
   */
  addAnswer(characters: number, gate: ReadGate): void {
    this.#answers += characters;
    if (this.#answers >= MAX_RELAYED.answers) {
      this.#paused.add(gate);
      gate.pause('node-answers');
    }
  }

  removeAnswers(characters: number): void {
    this.#answers -= characters;
    if (this.#answers > MAX_RELAYED.answers / 2) return;
    for (const gate of this.#paused) gate.resume('node-answers');
    this.#paused.clear();
  }

  forget(gate: ReadGate): void {
    this.#paused.delete(gate);
  }
}
