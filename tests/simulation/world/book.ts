/** What the clients know to be promised to them: the simulation holds the product to it. */
export interface SessionFact {
  readonly id: string;
  /** A DELETE was asked for, perhaps in vain; then answered. */
  deletion: 'none' | 'asked' | 'done';
  /** When a clearing of its messages was last asked for and not yet answered for good: Infinity; or answered. */
  clearedUntil: number;
  readonly hasTimeouts: boolean;
}

export interface MessageFact {
  readonly id: string;
  readonly sessionId: string;
  readonly seq: number;
  readonly postedAt: number;
  readonly content: string;
  readonly role: 'user' | 'system';
  /** Of a user message: how it must be answered, leaving faults aside. */
  readonly expects: 'reply' | 'agent_unknown' | 'agent_ambiguous' | 'nothing';
}

export class Book {
  readonly sessions = new Map<string, SessionFact>();
  readonly messages = new Map<string, MessageFact>();
  /** What each idempotency key made. */
  readonly made = new Map<string, string>();
  commands = 0;

  session(id: string, hasTimeouts: boolean): SessionFact {
    const known = this.sessions.get(id);
    if (known !== undefined) return known;
    const fact: SessionFact = { id, deletion: 'none', clearedUntil: -1, hasTimeouts };
    this.sessions.set(id, fact);
    return fact;
  }
}
