import type { SessionObject } from '../../contract/sessions.ts';
import { rfc3339, rfc3339OrNull } from '../engine/time.ts';
import type { RowView } from '../engine/view.ts';
import { spaceName } from '../spaces/space-objects.ts';
import { isSettled, restState } from './life-cycle.ts';
import type { SessionRow } from './rows.ts';

/** The fields of a row that {@link sessionObject} needs. */
export const SHOWN_OF_SESSIONS = [
  ...(['id', 'name', 'spaceId', 'createdBy', 'desired', 'phase', 'outstanding', 'generation', 'observedGeneration'] as const),
  ...(['containerId', 'volume', 'parentId', 'nodeId', 'timeouts', 'createdAt', 'updatedAt', 'startedAt', 'lastActivityAt'] as const),
  ...(['terminatedAt', 'terminationReason', 'reason', 'metadata', 'constraints', 'preferences'] as const),
];
export type ShownSession = Pick<SessionRow, (typeof SHOWN_OF_SESSIONS)[number]>;

/** A session's node, as far as the session's object shows it. */
interface ShownNode {
  readonly name: string;
  readonly isDraining: boolean;
}

const nodeShown = (view: RowView, id: string): ShownNode => {
  const row = view.get('nodes', id);
  return { name: row?.name ?? id, isDraining: row !== undefined && row.drain !== null };
};

/** Why a session does not run, or runs nothing new. */
export const waitsForDrain = (node: string): string =>
  `The node ${node} is being drained. Messages are accepted, and wait until it takes sessions again.`;

export function sessionObject(view: RowView, row: ShownSession): SessionObject {
  const { spaceId, nodeId } = row;
  return withNames(row, spaceName(view, spaceId), nodeId === null ? null : nodeShown(view, nodeId));
}

/** Presents many sessions. Looks up each space and node once. */
export function sessionObjects(view: RowView, rows: readonly ShownSession[]): SessionObject[] {
  const spaceOf = lookingOnce((id: ShownSession['spaceId']) => spaceName(view, id));
  const nodeOf = lookingOnce((id: string) => nodeShown(view, id));
  return rows.map((row) => withNames(row, spaceOf(row.spaceId), row.nodeId === null ? null : nodeOf(row.nodeId)));
}

function lookingOnce<Id, Found>(look: (id: Id) => Found): (id: Id) => Found {
  const found = new Map<Id, Found>();
  return (id) => {
    const known = found.get(id) ?? look(id);
    found.set(id, known);
    return known;
  };
}

function withNames(row: ShownSession, space: string, node: ShownNode | null): SessionObject {
  const state = restState(row);
  return {
    id: row.id,
    name: row.name,
    space,
    created_by: row.createdBy,
    state,
    container_id: row.containerId,
    persistent_volume_id: row.volume,
    parent_session_id: row.parentId,
    node: node?.name ?? null,
    running: state === 'idle' || state === 'busy',
    settled: isSettled(row),
    waiting_reason: node?.isDraining === true && row.desired !== 'failed' ? waitsForDrain(node.name) : null,
    constraints: row.constraints,
    preferences: row.preferences,
    timeouts: row.timeouts,
    created_at: rfc3339(row.createdAt),
    updated_at: rfc3339(row.updatedAt),
    started_at: rfc3339OrNull(row.startedAt),
    last_activity_at: rfc3339OrNull(row.lastActivityAt),
    terminated_at: rfc3339OrNull(row.terminatedAt),
    termination_reason: row.terminationReason ?? row.reason,
    metadata: row.metadata,
  };
}
