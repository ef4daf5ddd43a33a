import type { Answer__Output as Answer } from '../../proto/generated/raworc/v0/Answer.ts';
import type { Outbox } from '../control/outbox.ts';
import type { KeptAnswers } from './kept-answers.ts';

/**
 * Sends answers to the controller, each session's in order. On each new stream all kept answers are
 * sent again, as many at a time as there is room for; a new answer waits behind its session's older
 * ones.
 */
export class AnswerSender {
  readonly #outbox: Outbox;
  readonly #generationOf: (sessionId: string) => number | undefined;
  /** Sessions whose kept answers are still to be sent on this stream. */
  readonly #pending = new Map<string, KeptAnswers>();
  #isHeld = false;

  constructor(outbox: Outbox, generationOf: (sessionId: string) => number | undefined) {
    this.#outbox = outbox;
    this.#generationOf = generationOf;
  }

  /** A new stream has started: nothing is sent before `resend`. */
  hold(): void {
    this.#isHeld = true;
    this.#pending.clear();
  }

  resend(sessions: Iterable<readonly [sessionId: string, answers: KeptAnswers]>): void {
    this.#isHeld = false;
    for (const [sessionId, answers] of sessions) if (answers.size > 0) this.#pending.set(sessionId, answers);
    this.proceed();
  }

  /** There is room again. */
  proceed(): void {
    if (this.#isHeld) return;
    for (const [sessionId, answers] of this.#pending) {
      if (this.#outbox.isCrowded) return;
      this.#pending.delete(sessionId);
      const generation = this.#generationOf(sessionId);
      if (generation === undefined) continue;
      for (const answer of answers.all()) this.send({ ...answer, generation });
    }
  }

  send(answer: Answer): void {
    if (this.#isHeld || this.#pending.has(answer.sessionId)) return;
    this.#outbox.keep(`answer:${answer.sessionId}:${answer.messageId}`, { kind: 'answer', value: answer });
  }

  forget(sessionId: string): void {
    this.#pending.delete(sessionId);
  }
}
