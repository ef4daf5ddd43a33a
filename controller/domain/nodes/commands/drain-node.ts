/**
 * Drains a node: no session starts or wakes on it, and running ones are suspended once they are
 * idle, or at a deadline. Nothing is deleted. `updateNode` ends a drain.
 */
import type { Ages } from '../../engine/agreed-time.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { NodeId, SessionId } from '../../engine/ids.ts';
import { type Mutation, put } from '../../engine/mutation.ts';
import { accepted, type Outcome } from '../../engine/outcome.ts';
import type { NewEvent } from '../../events/events.ts';
import type { MessageView } from '../../messages/view.ts';
import { atStart, desiring, loweredEvents, refusedWaking } from '../../sessions/commands/change-desired.ts';
import { LEGAL } from '../../sessions/legal.ts';
import type { SessionRow } from '../../sessions/rows.ts';
import { sessionBecomes } from '../../sessions/session-change.ts';
import { NO_NODE } from '../refusals.ts';
import type { Drain, NodeRow } from '../rows.ts';
import { nodeEvent } from './node-absence.ts';

/** Longest time that a drain lets a run continue after it told the node to suspend the session. */
const MAX_GRACE_MS = 3_600_000;
/** Suspended in one commit. */
const SESSIONS_AT_ONCE = 50;

/** Begins a drain, or changes the deadline of the one in progress. */
export function drainNode(
  id: NodeId,
  { deadlineMs, onDeadline }: Pick<Drain, 'deadlineMs' | 'onDeadline'>,
  by: string,
): Command<Outcome<undefined>> {
  return {
    name: 'drain-node',
    decide({ view, now }) {
      const row = view.get('nodes', id);
      if (row === undefined || row.revokedAt !== null) return unchanged(NO_NODE);
      const drain: Drain = { since: now, deadlineMs, onDeadline, left: leftOn(view.unstoppedOn(id)), doneAt: null };
      const after = { ...row, cordonedAt: row.cordonedAt ?? now, drain };
      const events = [nodeEvent('node.draining', row, { by, sessions_left: drain.left })];
      return { mutations: [put('nodes', after)], events, result: accepted(undefined) };
    },
  };
}

export const leftOn = (unstopped: readonly { readonly count: number }[]): number => unstopped.reduce((sum, { count }) => sum + count, 0);

/** Returns the time until the deadline of a drain; undefined if nothing happens then. */
export function untilDeadline({ since, deadlineMs, onDeadline }: Drain, ages: Pick<Ages, 'ageMs'>): number | undefined {
  return deadlineMs === null || onDeadline === 'wait' ? undefined : Math.max(0, deadlineMs - ages.ageMs(since));
}

export interface DrainStep {
  /** Whether more sessions can be suspended at once. */
  readonly more: boolean;
  /** The time until busy sessions are suspended too. */
  readonly dueMs: number | undefined;
}

/**
 * Suspends some sessions of a draining node and records its progress. Level-triggered: call it when
 * a session of the node changed, and at the deadline. `graceMs` is how long runs can continue after
 * the deadline.
 */
export function drainSessions(id: NodeId, graceMs: number): Command<DrainStep> {
  return {
    name: 'drain-sessions',
    decide({ view, now, ages }) {
      const row = view.get('nodes', id);
      if (row === undefined || row.revokedAt !== null || row.drain === null) return unchanged({ more: false, dueMs: undefined });
      const leftMs = untilDeadline(row.drain, ages);
      const sessions = view.drainableOn(id, leftMs === 0, SESSIONS_AT_ONCE);
      const changes = sessions.map((session) =>
        sessionBecomes(view, session, resting(view, session, Math.max(graceMs, Math.min(leftMs ?? MAX_GRACE_MS, MAX_GRACE_MS)), now)),
      );
      const progress = progressOf(row, row.drain, leftOn(view.unstoppedOn(id)), now);
      return {
        mutations: [...changes.flatMap(({ mutations }) => mutations), ...progress.mutations],
        events: [...changes.flatMap(({ events }) => events), ...progress.events],
        result: { more: sessions.length === SESSIONS_AT_ONCE, dueMs: leftMs === 0 ? undefined : leftMs },
      };
    },
  };
}

/** Messages that a running session has not answered wake it when the drain ends. */
const resting = (view: MessageView, session: SessionRow, graceMs: number, now: number): SessionRow => ({
  ...desiring(session, 'suspended', graceMs, now),
  wakeWanted: session.wakeWanted || (session.desired === 'running' && view.isQueued(session.id)),
});

/** Sessions that are suspended in this commit have not stopped yet, so they still count. */
function progressOf(
  row: NodeRow,
  drain: Drain,
  left: number,
  now: number,
): { mutations: readonly Mutation[]; events: readonly NewEvent[] } {
  const doneAt = left === 0 ? (drain.doneAt ?? now) : null;
  if (left === drain.left && doneAt === drain.doneAt) return { mutations: [], events: [] };
  const type = doneAt === null || drain.doneAt !== null ? 'node.drain_progress' : 'node.drained';
  return {
    mutations: [put('nodes', { ...row, drain: { ...drain, left, doneAt } })],
    events: [nodeEvent(type, row, { sessions_left: left })],
  };
}

/**
 * Wakes a session whose messages waited for the end of a drain. Returns false if it still cannot
 * run, for example because its node has no room now.
 */
export function wakeAfterDrain(id: SessionId): Command<boolean> {
  return {
    name: 'wake-after-drain',
    decide({ view, fleet, now }) {
      const row = view.get('sessions', id);
      if (row === undefined || !row.wakeWanted) return unchanged(true);
      const isNeeded = row.desired !== 'deleted' && LEGAL[row.desired].message === 'wakes' && view.isQueued(id);
      if (!isNeeded) return { mutations: [put('sessions', { ...row, wakeWanted: false })], events: [], result: true };
      const next = atStart(view, fleet, row);
      if (refusedWaking(view, fleet, next) !== undefined) return unchanged(false);
      const after = desiring(next, 'running', 0, now);
      const { mutations, events } = sessionBecomes(view, row, after);
      return { mutations, events: [...events, ...loweredEvents(view, row, after)], result: true };
    },
  };
}
