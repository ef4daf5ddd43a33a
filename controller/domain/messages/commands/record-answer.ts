import { type Command, unchanged } from '../../engine/command.ts';
import { put } from '../../engine/mutation.ts';
import type { RowView } from '../../engine/view.ts';
import { checkReporter } from '../../sessions/report-fence.ts';
import type { SessionRow } from '../../sessions/rows.ts';
import { stateEvents } from '../../sessions/session-change.ts';
import { type AnswerChanges, type AnswerContent, answer, answerId, answerRefused, RAWORC, withAnswerLost } from '../answers.ts';
import { trimHistory } from '../history.ts';
import { type GivenHop, hopRows } from '../hops.ts';
import { ANSWERED_AT_ONCE, MAX_QUEUED } from '../queue.ts';
import { ROUTER } from '../router.ts';
import type { QueueRow } from '../rows.ts';
import type { MessageView } from '../view.ts';
import type { StartedRun } from './start-run.ts';

export interface GivenAnswer extends StartedRun {
  readonly outcome: 'reply' | 'error';
  readonly content: string;
  readonly reason: string;
  readonly durationMs: number;
  /** What agents asked one another for it. A hop follows the one in which it was asked. */
  readonly hops?: readonly GivenHop[];
  /** The model that gave it instead of an agent; '' if none did. */
  readonly model?: string;
}

/**
 * `committed`: this is the answer. `duplicate`, `unwanted`: acknowledged and dropped, because the
 * message already has an answer, was cleared, or its session is deleted. These three settle the
 * message. `refused`: the sender lacks the reporter to answer; nothing is acknowledged.
 */
export type AnswerResult = 'committed' | 'duplicate' | 'unwanted' | 'refused';

/** The largest reply that is stored. A larger one is replaced by an error_response. */
export const MAX_REPLY_BYTES = 1024 * 1024;

/** Stores the only answer to a user message, with its hops: the first commit wins. */
export function recordAnswer(given: GivenAnswer): Command<AnswerResult> {
  return {
    name: 'record-answer',
    bytes: 2 * Math.min(Buffer.byteLength(given.content), MAX_REPLY_BYTES) + hopBytes(given),
    decide({ view, fleet, now }) {
      const session = view.get('sessions', given.sessionId);
      const reporter = checkReporter(session, given.from, given.generation);
      if (reporter === 'foreign' || reporter === 'stale') return unchanged('refused');
      if (reporter === 'gone' || session === undefined) return unchanged('unwanted');
      const queued = view.get('queue', given.messageId);
      if (queued === undefined || queued.sessionId !== session.id) {
        const message = view.get('messages', given.messageId);
        return unchanged(message?.sessionId === session.id && message.role === 'user' ? 'duplicate' : 'unwanted');
      }
      const begun = answerLostBefore(view, session, queued, now);
      const { lastSeq } = begun.changes.session;
      const hops = hopRows(view, queued, lastSeq, given.hops ?? [], now);
      const asked: AnswerChanges = {
        ...begun.changes,
        session: { ...begun.changes.session, lastSeq: lastSeq + hops.length },
        mutations: [...begun.changes.mutations, ...hops.map((row) => put('hops', row))],
      };
      const answered = answer(view, asked, queued, answerId(queued.id), contentOf(given, hops.length / 2), now);
      const all = answerRefused(
        view,
        answered,
        begun.front.filter(({ id }) => id !== queued.id),
        now,
      );
      return {
        mutations: [...trimHistory(view, session.id, 0, fleet.sizes.history), ...all.mutations, put('sessions', all.session)],
        events: [...all.events, ...stateEvents(view, session, all.session)],
        result: 'committed',
      };
    },
  };
}

/**
 * Answers messages whose answers a restore lost. A guest answers in order, except those of an agent
 * that answers several messages at once, so messages from before
 * the restore that wait while a later one is answered were answered before it. They get an
 * error_response first.
 */
function answerLostBefore(
  view: RowView & MessageView,
  session: SessionRow,
  answered: QueueRow,
  now: number,
): { changes: AnswerChanges; front: readonly QueueRow[] } {
  let changes: AnswerChanges = { session, mutations: [], events: [] };
  const first = view.queued(session.id, 2);
  const [oldest] = first;
  if (oldest === undefined || oldest.seq >= answered.seq || oldest.seq > session.epochSeq) {
    const next = first.find(({ id }) => id !== answered.id);
    return { changes, front: next?.refusal == null ? [] : view.queued(session.id, ANSWERED_AT_ONCE + 2) };
  }
  const queue = view.queued(session.id, MAX_QUEUED.messages);
  const earlier = queue.filter(({ seq }) => seq < answered.seq);
  // Its agent can still work on those directly before it, if it answers several messages at once.
  const mayRun = ({ agent }: QueueRow) => agent === answered.agent && answersSeveralAtOnce(session, agent);
  const newestLost = earlier.findLast((row) => !mayRun(row))?.seq ?? 0;
  const isLost = ({ seq }: QueueRow) => seq <= newestLost && seq <= session.epochSeq;
  for (const lost of queue.filter(isLost)) {
    const told = lost.refusal === null ? withAnswerLost(lost) : lost;
    changes = answerRefused(view, changes, [told], now);
  }
  return { changes, front: queue.filter((row) => !isLost(row)) };
}

const answersSeveralAtOnce = ({ agents }: SessionRow, agent: string | null): boolean =>
  agents.some(({ name, concurrency = 1 }) => name === agent && concurrency > 1);

const hopBytes = ({ hops = [] }: GivenAnswer): number =>
  hops.reduce((sum, { question, answer }) => sum + Buffer.byteLength(question) + Buffer.byteLength(answer), 0);

function contentOf(given: GivenAnswer, hops: number): AnswerContent {
  const { agent, content, outcome, reason, model = '' } = given;
  const about = { run_id: given.runId, duration_ms: given.durationMs, ...(hops === 0 ? {} : { hops }) };
  // The router has no name that a client could use.
  const [by, run] = agent === ROUTER ? [RAWORC, about] : [agent, { agent, ...about }];
  if (Buffer.byteLength(content) > MAX_REPLY_BYTES) {
    const said = `The reply exceeded ${MAX_REPLY_BYTES} bytes.`;
    return { type: 'error_response', content: said, by, metadata: { ...run, reason: 'reply_too_large' } };
  }
  if (outcome === 'error') return { type: 'error_response', content, by, metadata: { ...run, reason } };
  if (model !== '') return { type: 'model_response', content, by, metadata: { ...run, model } };
  return { type: 'agent_response', content, by, metadata: run };
}
