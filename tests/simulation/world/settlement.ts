import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { View } from '../../../controller/domain/engine/view.ts';
import type { SessionRow } from '../../../controller/domain/sessions/rows.ts';
import type { HostFrame } from '../../../proto/frame.ts';

interface Settled {
  /** Guests welcomed at this generation or later know it. */
  readonly generation: number;
  readonly how: 'answered' | 'cleared';
}

/**
 * Which messages no longer wait for an answer, since when, and which guests can know. A guest that
 * can know must not run them.
 */
export class Settlement {
  readonly #seqs = new Map<string, number>();
  readonly #bySession = new Map<string, Set<string>>();
  readonly #settled = new Map<string, Settled>();
  readonly #generations = new Map<string, number>();
  readonly #heard = new Map<string, { generation: number; seq: number }>();

  committed(mutations: readonly Mutation[]): void {
    const rows = mutations.flatMap((mutation) => (mutation.kind === 'put' && mutation.table === 'sessions' ? [mutation.row] : []));
    const generations = new Map(rows.map(({ id, generation }) => [id as string, generation]));
    const settle = (id: string, sessionId: string, how: Settled['how']) => {
      if (this.#settled.has(id)) return;
      const before = this.#generations.get(sessionId) ?? 0;
      // Changes committed with a generation are sent with it; others with the next one.
      this.#settled.set(id, { generation: Math.max(before + 1, generations.get(sessionId) ?? 0), how });
    };
    for (const mutation of mutations) {
      if (mutation.kind === 'empty-queue')
        for (const id of this.#bySession.get(mutation.sessionId) ?? []) settle(id, mutation.sessionId, 'cleared');
      if (mutation.kind === 'dequeue') settle(mutation.row.id, mutation.row.sessionId, 'answered');
      if (mutation.kind !== 'put' || mutation.table !== 'messages' || mutation.row.role !== 'user') continue;
      const { id, sessionId, seq } = mutation.row;
      const ids = this.#bySession.get(sessionId) ?? new Set();
      this.#bySession.set(sessionId, ids.add(id));
      this.#seqs.set(id, seq);
    }
    for (const [id, generation] of generations) this.#generations.set(id, generation);
  }

  /** Undefined for an unknown message. */
  seqOf(messageId: string): number | undefined {
    return this.#seqs.get(messageId);
  }

  /** No guest can know as settled what the store does not. */
  restored(view: View, rows: Iterable<SessionRow>): void {
    for (const id of [...this.#settled.keys()]) {
      if (view.get('messages', id) === undefined || view.get('queue', id) !== undefined) this.#settled.delete(id);
    }
    for (const { id, generation } of rows) this.#generations.set(id, generation);
  }

  /** A guest's process receives a frame. */
  heard(life: string, frame: HostFrame): void {
    const known = this.#heard.get(life) ?? { generation: 0, seq: 0 };
    this.#heard.set(life, known);
    if (frame.kind === 'welcome') {
      known.generation = frame.value.generation;
      known.seq = Math.max(known.seq, frame.value.settledSeq);
    } else if (frame.kind === 'settled') known.seq = Math.max(known.seq, frame.value.upToSeq);
  }

  /** Returns why this guest's process must not run the message; undefined if it can. */
  objection(life: string, messageId: string): string | undefined {
    const known = this.#heard.get(life) ?? { generation: 0, seq: 0 };
    const seq = this.#seqs.get(messageId) ?? Number.POSITIVE_INFINITY;
    if (seq <= known.seq) return `it was told that nothing up to ${known.seq} waits any more`;
    const settled = this.#settled.get(messageId);
    if (settled === undefined || settled.generation > known.generation) return undefined;
    return `that was ${settled.how} before generation ${settled.generation}, and it was welcomed at ${known.generation}`;
  }
}
