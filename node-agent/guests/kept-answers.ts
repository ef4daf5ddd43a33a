import type { Answer__Output as Answer } from '../../proto/generated/raworc/v0/Answer.ts';
import type { Backpressure } from './backpressure.ts';
import type { ReadGate } from './read-gate.ts';

/** Bounds of one session. Beyond them its guest is not read until an answer is settled. */
const MAX_ANSWERS = 64;
const MAX_CHARACTERS = 8 * 1024 * 1024;

/** One session's unsettled answers. Each is kept until the controller settles it. */
export class KeptAnswers {
  readonly #backpressure: Backpressure;
  readonly #gate: ReadGate;
  readonly #answers = new Map<string, Answer>();
  #characters = 0;

  constructor(backpressure: Backpressure, gate: ReadGate) {
    this.#backpressure = backpressure;
    this.#gate = gate;
  }

  get size(): number {
    return this.#answers.size;
  }

  all(): Iterable<Answer> {
    return this.#answers.values();
  }

  keep(answer: Answer): void {
    const more = answer.content.length - (this.#answers.get(answer.messageId)?.content.length ?? 0);
    this.#answers.set(answer.messageId, answer);
    this.#characters += more;
    this.#backpressure.addAnswer(more, this.#gate);
    if (this.#isFull) this.#gate.pause('session-answers');
  }

  settle(messageId: string): void {
    const answer = this.#answers.get(messageId);
    if (answer === undefined) return;
    this.#answers.delete(messageId);
    this.#remove(answer.content.length);
    if (!this.#isFull) this.#gate.resume('session-answers');
  }

  clear(): void {
    this.#answers.clear();
    this.#remove(this.#characters);
  }

  get #isFull(): boolean {
    return this.#answers.size >= MAX_ANSWERS || this.#characters >= MAX_CHARACTERS;
  }

  #remove(characters: number): void {
    this.#characters -= characters;
    this.#backpressure.removeAnswers(characters);
  }
}
