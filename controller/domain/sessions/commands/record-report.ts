import { type Command, unchanged } from '../../engine/command.ts';
import type { NodeId, SessionId } from '../../engine/ids.ts';
import { markAccepted } from '../../messages/commands/accept-message.ts';
import { type Speaker, speaksFor } from '../../messages/speaker.ts';
import { failing } from '../fail-session.ts';
import { memoryLost } from '../memory-lost.ts';
import { hasRestarted, withRestartNote } from '../restarted.ts';
import type { Desired, Phase, ReportOrder, SessionRow } from '../rows.ts';
import { sessionBecomes } from '../session-change.ts';
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
  /** The guest's inbox watermark, when running or suspended; 0 when unknown. */
  readonly acceptedSeq: number;
  /** Of the session's memory, when running; 0 when unknown. */
  readonly life?: number;
}

const lifeIn = ({ phase, life, generation }: Report): SessionRow['life'] =>
  phase === 'running' && life ? { generation, number: life } : null;

/**
 * Numbers of messages are counts, or begin at the milliseconds of the Unix time when a session was adopted: one far beyond was given by no
 * controller, and would be taken for the number of everything that follows.
 */
const LEAP_MS = 30 * 24 * 3_600_000;

/** Messages that a report marks as accepted. */
const MARKED_AT_ONCE = 64;

export function isLater(a: ReportOrder, b: ReportOrder | null): boolean {
  if (b === null) return true;
  if (a.incarnation !== b.incarnation) return a.incarnation > b.incarnation;
  if (a.boot !== b.boot) return a.boot > b.boot;
  return a.number > b.number;
}

const LIVES: Readonly<Record<Report['phase'], Desired | undefined>> = {
  starting: 'running',
  running: 'running',
  paused: 'paused',
  suspended: 'suspended',
  failed: undefined,
};

/**
 * After a restore: what somebody had made of the session since the backup, as its node knows from a generation that the
 * backup does not. The store did not see it asked for; still it is newer than what the store says, and nothing that lives is to end.
 */
function sinceBackup({ restoredFrom, desired, generation }: SessionRow, report: Report): Desired | undefined {
  if (restoredFrom === null || report.generation <= restoredFrom || report.generation >= generation) return undefined;
  const lives = LIVES[report.phase];
  return lives === desired ? undefined : lives;
}

/**
 * What a node says a session is. A report that is older than one already heard, or that answers an older generation,
 * changes nothing. One that says the session cannot go on makes it `failed`, and answers everything outstanding; a paused one
 * that lost its container is suspended from now on.
 */
export function recordReport(report: Report): Command<Speaker | 'old'> {
  return {
    name: 'record-report',
    decide({ view, now }) {
      const session = view.get('sessions', report.sessionId);
      const speaker = speaksFor(session, report.from, report.generation);
      if (speaker !== 'yes' || session === undefined) return unchanged(speaker);
      const since = sinceBackup(session, report);
      if (since !== undefined) return { ...sessionBecomes(view, session, desiring(session, since, 0, now)), answer: 'old' as const };
      if (report.generation !== session.generation || !isLater(report.order, session.observedOrder)) return unchanged('old' as const);

      const observed: SessionRow = {
        ...session,
        phase: report.phase,
        observedGeneration: report.generation,
        observedOrder: report.order,
        containerId: report.containerId === '' ? null : report.containerId,
        volume: report.volume === '' ? null : report.volume,
        life: lifeIn(report) ?? session.life,
        hasRun: session.hasRun || report.phase === 'running',
        copyFrom: report.phase === 'running' ? null : session.copyFrom,
        startedAt: report.phase === 'running' ? (session.startedAt ?? now) : session.startedAt,
        updatedAt: now,
      };
      if (report.phase === 'failed' && session.desired !== 'failed') {
        const reason = report.reason || 'its node gave no reason';
        return { ...failing(view, session, observed, { reason, answer: 'session_failed' }, now), answer: speaker };
      }
      if (report.phase === 'suspended' && session.desired === 'paused')
        return { ...memoryLost(view, session, observed, now), answer: speaker };
      const isHeld = report.phase === 'running' || report.phase === 'suspended';
      const { acceptedSeq } = report;
      if (isHeld && acceptedSeq > Math.max(session.lastSeq, now + LEAP_MS)) return unchanged('old' as const);
      if (isHeld && acceptedSeq > session.lastSeq) {
        // Its guest holds what was never numbered here: numbers go on above that, and what waits is asked for message by message.
        const numbered = { ...observed, lastSeq: acceptedSeq, epochSeq: acceptedSeq };
        return { ...markAccepted(view, session, numbered, [], now), answer: speaker };
      }
      // More than is ever on its way: what is beyond is sent again, and its guest says so of each.
      const held = isHeld
        ? view.undelivered(session.id, MARKED_AT_ONCE).filter(({ seq }) => seq <= acceptedSeq && seq > session.epochSeq)
        : [];
      const accepting = (row: SessionRow) => markAccepted(view, session, row, held, now);
      const changes = hasRestarted(session, lifeIn(report)) ? withRestartNote(view, observed, now, accepting) : accepting(observed);
      return { ...changes, answer: speaker };
    },
  };
}
