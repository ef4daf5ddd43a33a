import type { SessionObject } from '../../../contract/sessions.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { Fleet } from '../../engine/fleet.ts';
import type { NodeId, SessionId } from '../../engine/ids.ts';
import { accepted, type Outcome, type Refused, refused } from '../../engine/outcome.ts';
import type { RowView } from '../../engine/view.ts';
import type { NewEvent } from '../../events/events.ts';
import type { NodeRow } from '../../nodes/rows.ts';
import { metadataBytes, refusedBySpace } from '../../spaces/space-admission.ts';
import type { SpaceView } from '../../spaces/view.ts';
import { allowedIn, LEGAL, type SessionRequest } from '../legal.ts';
import { occupiesRoom, restState } from '../life-cycle.ts';
import { firstObstacle, type Need, unbounded, type Yields } from '../placement/filters.ts';
import { type NoRoom, noRoom } from '../placement/no-room.ts';
import { NO_SESSION } from '../refusals.ts';
import type { Desired, Limits, SessionRow } from '../rows.ts';
import { sessionBecomes } from '../session-change.ts';
import { sessionObject, waitsForDrain } from '../session-object.ts';
import { clampLimits, limitsObject, lowered, maxIn } from '../session-sizes.ts';

export type DesiredChange = Extract<SessionRequest, 'pause' | 'suspend' | 'resume' | 'recover'>;

const BECOMES: Readonly<Record<DesiredChange, Desired>> = {
  pause: 'paused',
  suspend: 'suspended',
  resume: 'running',
  recover: 'running',
};

/**
 * Changes a session's desired state if the table of legal requests allows it. A repeated request
 * changes nothing. If it lacks room, the refusal is a {@link NoRoom}.
 */
export function changeDesired(id: SessionId, request: DesiredChange, graceMs: number, yields?: Yields): Command<Outcome<SessionObject>> {
  return {
    name: request,
    decide({ view, fleet, now }) {
      const row = view.get('sessions', id);
      if (row === undefined || row.desired === 'deleted') return unchanged(NO_SESSION);
      switch (LEGAL[row.desired][request]) {
        case 'unchanged':
          return unchanged(accepted(sessionObject(view, row)));
        case 'conflict':
          return unchanged(
            refused('CONFLICT', `Cannot ${request} a session in state ${restState(row)}. This state allows: ${allowedIn(row.desired)}.`),
          );
        case 'yes':
        case 'wakes': {
          const lost = row.nodeId === null ? undefined : view.get('nodes', row.nodeId);
          if (request === 'recover' && lost != null && lost.lostAt !== null) {
            const message = goneWithNode(lost);
            return unchanged(refused('CONFLICT', message));
          }
          const next = BECOMES[request] === 'running' ? atStart(view, fleet, row) : row;
          const refusal = BECOMES[request] === 'running' ? refusedWaking(view, fleet, next, '', yields) : undefined;
          if (refusal !== undefined) return unchanged(refusal);
          const after = { ...desiring(next, BECOMES[request], graceMs, now), wakeWanted: false };
          const { mutations, events } = sessionBecomes(view, row, after);
          return { mutations, events: [...events, ...loweredEvents(view, row, after)], result: accepted(sessionObject(view, after)) };
        }
      }
    },
  };
}

const goneWithNode = ({ name, revokedAt }: Pick<NodeRow, 'name' | 'revokedAt'>): string =>
  revokedAt === null
    ? `The node ${name} is lost and has the only copy of this session. Recover the session once the node is back.`
    : `The node ${name} was removed, and had the only copy of this session. Delete the session, or remix it with data=false.`;

/** Returns the row with another desired state, at the next generation. */
export function desiring(row: SessionRow, desired: Desired, graceMs: number, now: number): SessionRow {
  return {
    ...row,
    desired,
    generation: row.generation + 1,
    restoredFrom: null,
    graceMs,
    wakeWanted: desired !== 'running' && row.wakeWanted,
    reason: desired === 'running' ? null : row.reason,
    // A session that resumes is about to be used: its idle time starts again.
    lastActivityAt: desired === 'running' ? now : row.lastActivityAt,
    updatedAt: now,
  };
}

/**
 * Returns the row for a restart of the session. If its container is recreated, its limits are
 * lowered to the current maxima. A paused session keeps its container and therefore its limits.
 */
export function atStart(view: RowView, fleet: Fleet, row: SessionRow): SessionRow {
  if (occupiesRoom(row)) return row;
  return lowered(row, maxOn(fleet, row.nodeId, maxIn(fleet.sizes, view.get('spaces', row.spaceId)?.settings ?? {})));
}

/** Returns the smaller of these maxima and the node's. */
export function maxOn(fleet: Fleet, nodeId: NodeId | null, most: Limits): Limits {
  const bounds = fleet.node(nodeId)?.bounds;
  return bounds === undefined ? most : clampLimits(most, unbounded(bounds.most));
}

/** Events that report reduced limits of a session. */
export function loweredEvents(view: RowView, before: SessionRow, after: SessionRow): readonly NewEvent[] {
  if (before.limits === after.limits) return [];
  const { id: sessionId, spaceId } = after;
  const limits = { before: limitsObject(before.limits), after: limitsObject(after.limits) };
  const data = { space: view.get('spaces', spaceId)?.name ?? '', session_id: sessionId, limits };
  return [{ type: 'session.limits_lowered', spaceId, sessionId, data }];
}

/**
 * Returns a refusal if a session cannot run now: its space accepts no more (409), or its node lacks
 * room (503). A suspended session occupies no room, and its volume is on one node only. `hint` is
 * appended.
 */
export function refusedWaking(
  view: RowView & SpaceView,
  fleet: Fleet,
  row: SessionRow,
  hint = '',
  yields?: Yields,
): Refused | NoRoom | undefined {
  const needsRoom = occupiesRoom({ ...row, desired: 'running' }) && !occupiesRoom(row);
  // Each state event contains the metadata: endless pausing and resuming must not exceed the quota.
  const storageBytes = Object.keys(row.metadata).length === 0 ? 0 : metadataBytes(row.metadata);
  const bySpace = refusedBySpace(view, fleet, row.spaceId, { sessions: 0, requests: needsRoom ? row.requests : undefined, storageBytes });
  if (bySpace !== undefined) return refused(bySpace.refusal.code, `${bySpace.refusal.message}${hint}`, bySpace.refusal.details);
  const node = fleet.node(row.nodeId);
  if (!needsRoom) return node?.draining === true ? refused('UNAVAILABLE', `${waitsForDrain(node.name)}${hint}`) : undefined;
  const need = { ...neededToWake(row), yields };
  if (node === undefined) return noRoom(need, [], hint);
  const obstacle = firstObstacle(node, need, fleet.sizes);
  return obstacle && noRoom(need, [obstacle], hint);
}

/** Returns what a suspended session needs of its node. */
export const neededToWake = ({ spaceId, requests, limits, image, nodeId }: SessionRow): Need => ({
  ...{ spaceId, requests, limits, image, hasDisk: true },
  ...(nodeId !== null && { onlyOn: nodeId }),
});
