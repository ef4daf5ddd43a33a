import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { View } from '../../../controller/domain/engine/view.ts';
import type { MessageRow } from '../../../controller/domain/messages/rows.ts';
import type { SessionRow } from '../../../controller/domain/sessions/rows.ts';
import type { Chronicle } from './chronicle.ts';
import type { Machine } from './machine.ts';

export interface RemixesDeps {
  readonly chronicle: Chronicle;
  readonly machines: () => readonly Machine[];
  readonly view: () => View;
  readonly violation: (what: string) => void;
}

interface Remixed {
  readonly id: string;
  /** The session whose volume it copied. */
  readonly source: string | undefined;
  /** The contents of that volume when the remix was committed. */
  readonly marks: readonly string[];
}

const MOST = 100_000;

/** Checks that remixed sessions started with a copy of their source, and still have it. */
export class Remixes {
  readonly #deps: RemixesDeps;
  readonly #remixed = new Map<string, Remixed>();

  constructor(deps: RemixesDeps) {
    this.#deps = deps;
  }

  /** Call before the chronicle. */
  committed(mutations: readonly Mutation[]): void {
    const { chronicle } = this.#deps;
    for (const mutation of mutations) {
      if (mutation.kind === 'copy-messages') this.#judgeHistory(mutation.from, mutation.to, mutations);
      if (mutation.kind !== 'put' || mutation.table !== 'sessions') continue;
      const { id, parentId, copyFrom } = mutation.row;
      if (parentId === null || this.#remixed.has(id) || chronicle.sessions.has(id) || chronicle.forgotten.has(id)) continue;
      const marks = copyFrom === null ? [] : [...(this.#platter(copyFrom)?.marks ?? [])];
      this.#remixed.set(id, { id, source: copyFrom ?? undefined, marks });
    }
  }

  /** Forgets copies that the restored store does not know. Their orphans hold what was copied. */
  restored(): void {
    const { view } = this.#deps;
    for (const id of [...this.#remixed.keys()]) if (view().get('sessions', id) === undefined) this.#remixed.delete(id);
  }

  /** Call once everything is at rest. */
  judge(): void {
    const { view, chronicle, machines, violation } = this.#deps;
    for (const { host, name } of machines())
      for (const id of host.copier.torn) violation(`something ran on the volume of ${id} while ${name} copied it`);
    for (const remixed of this.#remixed.values()) {
      const row = view().get('sessions', remixed.id);
      const marks = this.#platter(remixed.id)?.marks;
      if (row === undefined || row.desired === 'deleted' || marks === undefined) continue;
      if (remixed.source === undefined) this.#judgeEmpty(row, marks);
      // A session that failed before its copy can lack it.
      else if (!(row.desired === 'failed' && row.copyFrom !== null) && !chronicle.volumesLost.has(row.id))
        for (const mark of remixed.marks)
          if (!marks.has(mark)) return violation(`the copy ${row.id} of ${remixed.source} lacks what ${mark} left in its volume`);
    }
  }

  #platter(id: string) {
    return this.#deps
      .machines()
      .map(({ volumes }) => volumes.get(id))
      .find((platter) => platter !== undefined);
  }

  #judgeEmpty({ id }: SessionRow, marks: ReadonlySet<string>): void {
    const { chronicle, violation } = this.#deps;
    const others = new Set(chronicle.runs.filter(({ sessionId }) => sessionId !== id).map(({ messageId }) => messageId));
    for (const mark of marks) if (others.has(mark)) violation(`${id} began with nothing, and holds what ${mark} left elsewhere`);
  }

  /**
   * A remix starts with the parent's settled messages, unchanged. Unanswered ones stay with the
   * parent.
   */
  #judgeHistory(from: string, to: string, mutations: readonly Mutation[]): void {
    const { chronicle, view, violation } = this.#deps;
    const messagesOf = (id: string): readonly MessageRow[] => view().messagesBefore(id as SessionRow['id'], Number.MAX_SAFE_INTEGER, MOST);
    const copied = messagesOf(to);
    for (const { id } of copied) chronicle.copiedMessages.add(id);
    if (mutations.some((mutation) => mutation.kind === 'empty-queue' && mutation.sessionId === from)) return;
    const madeAt = view().get('sessions', to)?.createdAt ?? 0;
    const own = new Map(messagesOf(from).map((message) => [message.seq, message]));
    const has = new Set(copied.map(({ seq }) => seq));
    for (const { seq, role, content } of copied) {
      const original = own.get(seq);
      if (original?.role !== role || original.content !== content) violation(`message ${seq} of ${to} is not as in ${from}`);
      if (original?.role === 'user' && view().get('queue', original.id) !== undefined)
        violation(`${to} got message ${seq} of ${from}, which waits for its answer`);
    }
    for (const { id, seq, role, createdAt } of own.values()) {
      const settledAt = role === 'user' ? (view().answerTo(id)?.createdAt ?? Number.POSITIVE_INFINITY) : createdAt;
      if (settledAt < madeAt && !has.has(seq)) violation(`${to} lacks message ${seq} of ${from}`);
    }
  }
}
