import type { View } from '../../../controller/domain/engine/view.ts';
import type { Work } from './client.ts';
import type { CommandName } from './commands.ts';

/** What the clients know to be promised to them: the simulation holds the product to it. */
export interface SessionFact {
  readonly id: string;
  /** A DELETE was asked for, perhaps in vain; then answered. */
  deletion: 'none' | 'asked' | 'done';
  /** When a clearing of its messages was last asked for and not yet answered for good: Infinity; or answered. */
  clearedUntil: number;
  hasTimeouts: boolean;
  /** Made after the backup from which the store was restored: it does not know of it. */
  isForgotten: boolean;
}

export interface MessageFact {
  readonly id: string;
  readonly sessionId: string;
  readonly seq: number;
  readonly postedAt: number;
  readonly content: string;
  readonly role: 'user' | 'system';
  /** Of a user message: how it must be answered, leaving faults aside; `moody`: by an agent that may rest. */
  readonly expects: 'reply' | 'moody' | 'agent_unknown' | 'agent_ambiguous' | 'nothing';
}

/** Made under an idempotency key, in that life of the store; `again` asks for the same. */
export interface MadeOnce {
  readonly id: string;
  /** A key is its caller's. */
  readonly by: string;
  readonly restores: number;
  readonly what: string;
  readonly again: Work<{ readonly id: string }>;
}

export class Book {
  readonly sessions = new Map<string, SessionFact>();
  readonly messages = new Map<string, MessageFact>();
  /** What each idempotency key made. */
  readonly made = new Map<string, MadeOnce>();
  readonly #forgotten = new Map<string, SessionFact>();
  /** How often each command was given. */
  readonly asked = new Map<CommandName, number>();

  get commands(): number {
    return [...this.asked.values()].reduce((sum, times) => sum + times, 0);
  }

  /** The store is as it was when a backup was taken. What was made since is not known any more, what was done since may not be. */
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

  /** What was forgotten is a session again. */
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
