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
  ...(['terminatedAt', 'terminationReason', 'reason', 'metadata'] as const),
];
export type ShownSession = Pick<SessionRow, (typeof SHOWN_OF_SESSIONS)[number]>;

const nodeName = (view: RowView, id: string): string => view.get('nodes', id)?.name ?? id;

export function sessionObject(view: RowView, row: ShownSession): SessionObject {
  const { spaceId, nodeId } = row;
  return withNames(row, spaceName(view, spaceId), nodeId === null ? null : nodeName(view, nodeId));
}

/** Presents many sessions. Looks up each space and node once. */
export function sessionObjects(view: RowView, rows: readonly ShownSession[]): SessionObject[] {
  const names = new Map<string, string>();
  const nameOf = (id: string, look: (view: RowView, id: string) => string) => {
    const name = names.get(id) ?? look(view, id);
    names.set(id, name);
    return name;
  };
  return rows.map((row) => withNames(row, nameOf(row.spaceId, spaceName), row.nodeId === null ? null : nameOf(row.nodeId, nodeName)));
}

function withNames(row: ShownSession, space: string, node: string | null): SessionObject {
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
    node,
    running: state === 'idle' || state === 'busy',
    settled: isSettled(row),
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
