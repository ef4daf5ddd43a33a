import type { Session } from './relayed-session.ts';

/** Of all sessions of a node together, in characters, each way. */
export const MOST_RELAYED = { held: 64 * 1024 * 1024, answers: 64 * 1024 * 1024 } as const;

/** What all sessions of this node agent keep in memory: messages that their guests have not read yet, and answers that are not settled. */
export class RelayBudget {
  readonly #counted = new Map<Session, { readonly held: number; readonly answers: number }>();
  readonly #paused = new Set<Session>();
  #held = 0;
  #answers = 0;

  get held(): number {
    return this.#held;
  }

  get answers(): number {
    return this.#answers;
  }

  /** Whether so much more may be held. */
  takes(characters: number): boolean {
    return this.#held + characters <= MOST_RELAYED.held;
  }

  /** So much is kept that no further answer is to be read from a guest that has just given one. */
  get isFull(): boolean {
    return this.#answers >= MOST_RELAYED.answers;
  }

  /** What a session keeps has changed. */
  count(session: Session): void {
    const { held, answers } = this.#counted.get(session) ?? { held: 0, answers: 0 };
    this.#held += session.heldCharacters - held;
    this.#answers += session.answerCharacters - answers;
    if (session.heldCharacters === 0 && session.answerCharacters === 0) this.#counted.delete(session);
    else this.#counted.set(session, { held: session.heldCharacters, answers: session.answerCharacters });
  }

  /** Its guest is not read from until there is room again. */
  pause(session: Session): void {
    this.#paused.add(session);
  }

  /** Sessions whose guests may be read from again: once half of it is free, all at once. */
  *resumed(): Generator<Session> {
    if (this.#answers > MOST_RELAYED.answers / 2) return;
    for (const session of this.#paused) {
      this.#paused.delete(session);
      yield session;
    }
  }

  isPaused(session: Session): boolean {
    return this.#paused.has(session);
  }

  forget(session: Session): void {
    this.#paused.delete(session);
    session.heldCharacters = 0;
    session.answerCharacters = 0;
    this.count(session);
  }
}
