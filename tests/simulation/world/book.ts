import type { View } from '../../../controller/domain/engine/view.ts';
import type { Work } from './client.ts';
import type { CommandName } from './commands.ts';

/** Everything that the product promised to clients, and that the simulation checks. */
export interface SessionFact {
  readonly id: string;
  /** A DELETE was requested, then answered. */
  deletion: 'none' | 'asked' | 'done';
  /** When the last clearing of its messages was answered; Infinity while one is unanswered. */
  clearedUntil: number;
  hasTimeouts: boolean;
  /** Created after the backup from which the store was restored, and so unknown to it. */
  isForgotten: boolean;
}

export interface MessageFact {
  readonly id: string;
  readonly sessionId: string;
  readonly seq: number;
  readonly postedAt: number;
  readonly content: string;
  readonly role: 'user' | 'system';
  /**
   * The expected answer to a user message without faults. `moody`: from an agent that can be
   * stopped. `routed`: what the model of its space chooses, if it has one.
   */
  readonly expects: 'reply' | 'moody' | 'agent_unknown' | 'routed' | 'nothing';
}

/** Created under an idempotency key in that epoch of the store. `again` repeats the request. */
export interface MadeOnce {
  readonly id: string;
  /** A key belongs to its caller. */
  readonly by: string;
  readonly restores: number;
  readonly what: string;
  readonly again: Work<{ readonly id: string }>;
}

export class Book {
  readonly sessions = new Map<string, SessionFact>();
  readonly messages = new Map<string, MessageFact>();
  /** The object of each idempotency key. */
  readonly made = new Map<string, MadeOnce>();
  readonly #forgotten = new Map<string, SessionFact>();
  /** Number of commands by name. */
  readonly asked = new Map<CommandName, number>();

  get commands(): number {
    return [...this.asked.values()].reduce((sum, times) => sum + times, 0);
  }

  /** The store was restored. Newer objects are unknown, and newer changes can be undone. */
  restored(view: View): void {
    for (const fact of [...this.sessions.values(), ...this.#forgotten.values()]) {
      const row = view.get('sessions', fact.id);
      fact.isForgotten = row === undefined;
      if (row === undefined) {
        this.sessions.delete(fact.id);
        this.#forgotten.set(fact.id, fact);
        continue;
      }
      if (this.#forgotten.delete(fact.id) || fact.deletion !== 'none') fact.deletion = 'asked';
      this.sessions.set(fact.id, fact);
      fact.hasTimeouts ||= Object.keys(row.timeouts).length > 0;
    }
    for (const id of [...this.messages.keys()]) if (view.get('messages', id) === undefined) this.messages.delete(id);
  }

  /** A forgotten session exists again. */
  adopted(id: string): void {
    const fact = this.#forgotten.get(id);
    this.#forgotten.delete(id);
    this.sessions.set(id, {
      id,
      deletion: fact === undefined ? 'asked' : 'none',
      clearedUntil: -1,
      hasTimeouts: false,
      isForgotten: false,
    });
  }

  session(id: string, hasTimeouts: boolean): SessionFact {
    const known = this.sessions.get(id);
    if (known !== undefined) return known;
    const fact: SessionFact = { id, deletion: 'none', clearedUntil: -1, hasTimeouts, isForgotten: false };
    this.sessions.set(id, fact);
    return fact;
  }
}
