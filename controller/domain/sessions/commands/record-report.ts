import type { Isolation } from '../../../contract/profiles.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { NodeId, SessionId } from '../../engine/ids.ts';
import { markAccepted } from '../../messages/commands/accept-message.ts';
import { failing } from '../fail-session.ts';
import { memoryLost } from '../memory-lost.ts';
import { checkReporter, type ReporterCheck } from '../report-fence.ts';
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
  /** The last accepted seq of the guest's inbox, when running or suspended; 0 when unknown. */
  readonly acceptedSeq: number;
  /** Number of the session's current life in memory, if running; 0 if unknown. */
  readonly life?: number;
  /** Of its container, if it has one that says so. */
  readonly isolation?: Isolation | undefined;
}

const lifeIn = ({ phase, life, generation }: Report): SessionRow['life'] =>
  phase === 'running' && life ? { generation, number: life } : null;

/** Whether the processes of the session can be those that ran before. */
const keepsProcesses = ({ life }: SessionRow, { phase, life: now }: Report): boolean =>
  phase === 'paused' || (phase === 'running' && (!now || now === life?.number));

/**
 * Message numbers are counts, or begin at the Unix milliseconds of an adoption. A number far beyond
 * either cannot come from a controller, and would become the base of all later numbers.
 */
const LEAP_MS = 30 * 24 * 3_600_000;

/** Messages that one report marks as accepted. */
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
 * After a restore, returns the desired state that the session got after the backup, which its
 * node's later generation reveals. The store lacks that request, but the node's state is newer, and
 * running sessions must not be stopped.
 */
function sinceBackup({ restoredFrom, desired, generation }: SessionRow, report: Report): Desired | undefined {
  if (restoredFrom === null || report.generation <= restoredFrom || report.generation >= generation) return undefined;
  const lives = LIVES[report.phase];
  return lives === desired ? undefined : lives;
}

/**
 * Why a report counts or not ({@link ReporterCheck}). `old`: it is older than the last one or about
 * an older generation. `caught-up`: it is not recorded, but after a restore the session took its
 * desired state from it.
 */
export type ReportResult = ReporterCheck | 'old' | 'caught-up';

/**
 * Records a node's report about a session. Ignores a report that is older than the last one or
 * about an older generation. A report that the session cannot continue makes it `failed` and
 * answers its outstanding messages; a paused session that lost its container becomes suspended.
 */
export function recordReport(report: Report): Command<ReportResult> {
  return {
    name: 'record-report',
    decide({ view, now }) {
      const session = view.get('sessions', report.sessionId);
      const check = checkReporter(session, report.from, report.generation);
      if (check !== 'yes' || session === undefined) return unchanged(check);
      const since = sinceBackup(session, report);
      if (since !== undefined) return { ...sessionBecomes(view, session, desiring(session, since, 0, now)), result: 'caught-up' as const };
      if (report.generation !== session.generation || !isLater(report.order, session.observedOrder)) return unchanged('old' as const);

      const observed: SessionRow = {
        ...session,
        phase: report.phase,
        observedGeneration: report.generation,
        observedOrder: report.order,
        containerId: report.containerId === '' ? null : report.containerId,
        volume: report.volume === '' ? null : report.volume,
        life: lifeIn(report) ?? session.life,
        isolation: report.isolation ?? session.isolation,
        keptAwake: session.keptAwake && keepsProcesses(session, report),
        hasRun: session.hasRun || report.phase === 'running',
        copyFrom: report.phase === 'running' ? null : session.copyFrom,
        startedAt: report.phase === 'running' ? (session.startedAt ?? now) : session.startedAt,
        updatedAt: now,
      };
      if (report.phase === 'failed' && session.desired !== 'failed') {
        const reason = report.reason || 'its node gave no reason';
        return { ...failing(view, session, observed, { reason, answer: 'session_failed' }, now), result: check };
      }
      if (report.phase === 'suspended' && session.desired === 'paused')
        return { ...memoryLost(view, session, observed, now), result: check };
      const isHeld = report.phase === 'running' || report.phase === 'suspended';
      const { acceptedSeq } = report;
      if (isHeld && acceptedSeq > Math.max(session.lastSeq, now + LEAP_MS)) return unchanged('old' as const);
      if (isHeld && acceptedSeq > session.lastSeq) {
        // The guest has messages with numbers that this store never assigned. Continue above them,
        // and have each waiting message acknowledged individually.
        const numbered = { ...observed, lastSeq: acceptedSeq, epochSeq: acceptedSeq };
        return { ...markAccepted(view, session, numbered, [], now), result: check };
      }
      // More than is ever in flight. Messages beyond it are sent again and acknowledged
      // individually.
      const held = isHeld
        ? view.undelivered(session.id, MARKED_AT_ONCE).filter(({ seq }) => seq <= acceptedSeq && seq > session.epochSeq)
        : [];
      const accepting = (row: SessionRow) => markAccepted(view, session, row, held, now);
      const changes = hasRestarted(session, lifeIn(report)) ? withRestartNote(view, observed, now, accepting) : accepting(observed);
      return { ...changes, result: check };
    },
  };
}
