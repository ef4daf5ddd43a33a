import { type Command, unchanged } from '../command.ts';
import type { NodeId, SessionId } from '../ids.ts';
import { type Phase, put, type ReportOrder, type SessionRow } from '../rows.ts';
import { sessionBecomes, stateEvents } from '../session-change.ts';
import { type Speaker, speaksFor } from '../speaker.ts';
import type { View } from '../view.ts';
import { markAccepted } from './accept-message.ts';
import { answer, answerId } from './answers.ts';
import { desiring } from './change-desired.ts';

export interface Report {
  readonly from: NodeId;
  readonly sessionId: SessionId;
  readonly generation: number;
  readonly phase: Exclude<Phase, 'none'>;
  readonly order: ReportOrder;
  readonly containerId: string;
  readonly volume: string;
  readonly reason: string;
  /** The guest's inbox watermark, when running. */
  readonly acceptedSeq: number;
}

export function isLater(a: ReportOrder, b: ReportOrder | null): boolean {
  if (b === null) return true;
  if (a.incarnation !== b.incarnation) return a.incarnation > b.incarnation;
  if (a.boot !== b.boot) return a.boot > b.boot;
  return a.number > b.number;
}

/**
 * What a node says a session is. A report that is older than one already heard, or that answers an older generation,
 * changes nothing. One that says the session cannot go on makes it `failed`, and answers everything outstanding. A paused session
 * whose container is gone has nothing frozen any more: it becomes `suspended`, with a note.
 */
export function recordReport(report: Report): Command<Speaker | 'old'> {
  return {
    name: 'record-report',
    decide({ view, now }) {
      const session = view.get('sessions', report.sessionId);
      const speaker = speaksFor(session, report.from, report.generation);
      if (speaker !== 'yes' || session === undefined) return unchanged(speaker);
      if (report.generation !== session.generation || !isLater(report.order, session.observedOrder)) return unchanged('old' as const);

      const observed: SessionRow = {
        ...session,
        phase: report.phase,
        observedGeneration: report.generation,
        observedOrder: report.order,
        containerId: report.containerId === '' ? null : report.containerId,
        volume: report.volume === '' ? null : report.volume,
        hasRun: session.hasRun || report.phase === 'running',
        startedAt: report.phase === 'running' ? (session.startedAt ?? now) : session.startedAt,
        updatedAt: now,
      };
      if (report.phase === 'failed' && session.desired !== 'failed')
        return { ...fail(view, session, observed, report.reason, now), answer: speaker };
      if (report.phase === 'suspended' && session.desired === 'paused')
        return { ...sessionBecomes(view, session, { ...desiring(observed, 'suspended', 0, now), reason: NOT_FROZEN }), answer: speaker };
      const held = report.phase === 'running' ? view.unanswered(session.id).filter(({ seq }) => seq <= report.acceptedSeq) : [];
      return { ...markAccepted(view, session, observed, held, now), answer: speaker };
    },
  };
}

const NOT_FROZEN = 'It was to be paused, and has no container that could be kept frozen: it is suspended, its volume is kept.';

/** A session that cannot go on: nothing it was asked stays without an answer. */
function fail(view: View, before: SessionRow, observed: SessionRow, reason: string, now: number) {
  const failed: SessionRow = {
    ...observed,
    desired: 'failed',
    generation: observed.generation + 1,
    reason: reason || 'its node gave no reason',
  };
  let ledger = { session: failed, mutations: [], events: [] } as Parameters<typeof answer>[1];
  for (const message of view.unanswered(before.id)) {
    const content = {
      type: 'error_response',
      content: `The session failed: ${failed.reason}`,
      by: 'raworc',
      metadata: { reason: 'session_failed' },
    } as const;
    ledger = answer(view, ledger, message, answerId(message.id), content, now);
  }
  return {
    mutations: [...ledger.mutations, put('sessions', ledger.session)],
    events: [...ledger.events, ...stateEvents(view, before, ledger.session)],
  };
}
