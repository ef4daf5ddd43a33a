import type { HopObject } from '../../../controller/contract/messages.ts';
import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { View } from '../../../controller/domain/engine/view.ts';
import { hopObjects } from '../../../controller/domain/messages/hops.ts';
import type { HopRow } from '../../../controller/domain/messages/rows.ts';

/** Hops are committed once, with the answer to their message, and nowhere else. */
export class HopAudit {
  readonly #rows = new Map<string, HopRow>();
  /** Rows that a restore can bring back. */
  readonly #ever = new Map<string, HopRow>();
  readonly #violation: (what: string) => void;

  constructor(violation: (what: string) => void) {
    this.#violation = violation;
  }

  committed(mutations: readonly Mutation[]): void {
    const answered = new Set<string | null>();
    for (const mutation of mutations) if (mutation.kind === 'put' && mutation.table === 'messages') answered.add(mutation.row.inReplyTo);
    for (const mutation of mutations) {
      if (mutation.kind === 'remove' && mutation.table === 'hops') this.#rows.delete(mutation.id);
      if (mutation.kind === 'put' && mutation.table === 'messages' && mutation.row.metadata.type === 'hop')
        this.#violation(`the hop ${mutation.row.id} is among the messages`);
      if (mutation.kind !== 'put' || mutation.table !== 'hops') continue;
      const { row } = mutation;
      if (this.#rows.has(row.id)) this.#violation(`the hop ${row.id} is committed twice`);
      if (!answered.has(row.messageId)) this.#violation(`the hop ${row.id} is committed without the answer to ${row.messageId}`);
      this.#rows.set(row.id, row);
      this.#ever.set(row.id, row);
    }
  }

  restored(view: View): void {
    for (const [id, row] of this.#ever) {
      if (view.get('hops', id) === undefined) this.#rows.delete(id);
      else this.#rows.set(id, row);
    }
  }

  /** Number of hops that were committed. */
  get ever(): number {
    return this.#ever.size / 2;
  }

  /** The hops of a message, as the API shows them. */
  of(messageId: string): readonly HopObject[] {
    const rows = [...this.#rows.values()].filter((row) => row.messageId === messageId);
    return hopObjects(rows.sort((a, b) => a.seq - b.seq));
  }

  countIn(sessionId: string): number {
    return [...this.#rows.values()].filter((row) => row.sessionId === sessionId).length;
  }

  /** Call at rest: none outlives its message. */
  judge(view: View): void {
    for (const { id, messageId } of this.#rows.values()) {
      if (view.get('messages', messageId) === undefined) return this.#violation(`the hop ${id} outlives ${messageId}`);
    }
  }
}
