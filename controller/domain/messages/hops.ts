/** What agents ask one another to answer a user message: given with the answer, stored with it. */
import type { HOP_KINDS, HopObject } from '../../contract/messages.ts';
import type { MessageId } from '../engine/ids.ts';
import { rfc3339 } from '../engine/time.ts';
import type { RowView } from '../engine/view.ts';
import { answerId } from './answers.ts';
import type { HopDetails, HopRow, QueueRow } from './rows.ts';

export interface GivenHop {
  readonly id: MessageId;
  /** Null: the run of the user message asked. */
  readonly parentId: MessageId | null;
  readonly kind: (typeof HOP_KINDS)[number];
  readonly from: string;
  readonly to: string;
  /** Null: no run began. */
  readonly runId: string | null;
  readonly question: string;
  readonly answer: string;
  readonly outcome: 'reply' | 'error';
  readonly reason: string;
  readonly askedAt: number;
  readonly waitedMs: number;
  readonly durationMs: number;
  readonly truncated: boolean;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Ids of hops are given by guests. */
export const isHopId = (id: string): id is MessageId => UUID.test(id);

/**
 * Returns the rows of hops, numbered after `lastSeq`. Drops a hop whose id is stored already, which
 * only a compromised node sends, and the hops below it.
 */
export function hopRows(view: RowView, queued: QueueRow, lastSeq: number, given: readonly GivenHop[], now: number): HopRow[] {
  const rows: HopRow[] = [];
  const questions = new Set<MessageId>();
  const taken = new Set<MessageId>();
  const isTaken = (id: MessageId) => taken.has(id) || view.get('hops', id) !== undefined;
  for (const hop of given) {
    const { id, parentId } = hop;
    if (isTaken(id) || isTaken(answerId(id)) || (parentId !== null && !questions.has(parentId))) continue;
    questions.add(id);
    taken.add(id).add(answerId(id));
    const seq = lastSeq + rows.length + 1;
    const shared = { sessionId: queued.sessionId, messageId: queued.id, createdAt: now };
    const cause = parentId ?? queued.id;
    rows.push(
      {
        ...{ ...shared, id, seq, role: 'user', content: hop.question, inReplyTo: cause, createdBy: hop.from },
        metadata: { type: 'hop', in_reply_to: cause, trace: detailsOf(hop, queued, now) },
      },
      {
        ...{ ...shared, id: answerId(id), seq: seq + 1, role: 'agent', content: hop.answer, inReplyTo: id, createdBy: hop.to },
        metadata: { type: 'hop', in_reply_to: id, agent: hop.to, duration_ms: hop.durationMs, ...runOf(hop), ...reasonOf(hop) },
      },
    );
  }
  return rows;
}

const runOf = ({ runId }: GivenHop) => (runId === null ? {} : { run_id: runId });
const reasonOf = ({ outcome, reason }: GivenHop) => (outcome === 'error' ? { reason } : {});

function detailsOf(hop: GivenHop, queued: QueueRow, now: number): HopDetails {
  const { kind, from, to, outcome, waitedMs, durationMs, truncated } = hop;
  // A guest's clock can be wrong.
  const askedAt = Math.min(Math.max(hop.askedAt, queued.createdAt), now);
  return {
    ...{ kind, from, to, ...runOf(hop), outcome, ...reasonOf(hop), ...(truncated ? { truncated } : {}) },
    ...{ asked_at: rfc3339(askedAt), waited_ms: waitedMs, duration_ms: durationMs },
  };
}

/** Returns the hops of a user message from its rows, in the order of their seqs. */
export function hopObjects(rows: readonly HopRow[]): HopObject[] {
  const answers = new Map(rows.map((row) => [row.inReplyTo, row] as const).filter(([, { role }]) => role === 'agent'));
  return rows.flatMap((question) => {
    const { trace } = question.metadata;
    const answer = answers.get(question.id);
    // The oldest messages of a long history are deleted, the question before the answer.
    if (trace === undefined || answer === undefined) return [];
    const isTop = question.inReplyTo === question.messageId;
    return [
      {
        id: question.id,
        ...(isTop ? {} : { parent_id: question.inReplyTo }),
        ...trace,
        question: question.content,
        answer: answer.content,
      },
    ];
  });
}
