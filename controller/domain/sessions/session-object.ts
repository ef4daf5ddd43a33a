import type { SessionObject } from '../../contract/sessions.ts';
import { rfc3339, rfc3339OrNull } from '../engine/time.ts';
import type { RowView } from '../engine/view.ts';
import { type MissingImages, NONE_MISSING, waitsForImage } from '../images/missing-images.ts';
import type { NodeRow } from '../nodes/rows.ts';
import { spaceName } from '../spaces/space-objects.ts';
import { isSettled, restState } from './life-cycle.ts';
import type { SessionRow } from './rows.ts';

/** The fields of a row that {@link sessionObject} and checks of permissions need. */
export const SHOWN_OF_SESSIONS = [
  ...([
    'id',
    'name',
    'spaceId',
    'createdBy',
    'createdById',
    'desired',
    'phase',
    'outstanding',
    'generation',
    'observedGeneration',
  ] as const),
  ...(['containerId', 'volume', 'parentId', 'nodeId', 'timeouts', 'createdAt', 'updatedAt', 'startedAt', 'lastActivityAt'] as const),
  ...([
    'terminatedAt',
    'terminationReason',
    'reason',
    'metadata',
    'constraints',
    'preferences',
    'image',
    'profile',
    'imageName',
    'isolation',
  ] as const),
];
export type ListedSession = Pick<SessionRow, (typeof SHOWN_OF_SESSIONS)[number]>;

/** A session's node, as far as the session's object shows it. */
interface ShownNode {
  readonly name: string;
  /** Why messages to its sessions wait. */
  readonly waiting: string | null;
}

const nodeShown = (view: RowView, id: string): ShownNode => {
  const row = view.get('nodes', id);
  return { name: row?.name ?? id, waiting: row === undefined ? null : waitingReason(row) };
};

/** Returns why messages to the sessions of a node wait, or null. Changes only with these fields. */
export function waitingReason({ name, drain, unreachableSince }: Pick<NodeRow, 'name' | 'drain' | 'unreachableSince'>): string | null {
  if (drain !== null) return waitsForDrain(name);
  if (unreachableSince === null) return null;
  return `The node ${name} is unreachable. Messages are accepted, and wait until it is back.`;
}

/** Why a session does not run, or runs nothing new. */
export const waitsForDrain = (node: string): string =>
  `The node ${node} is being drained. Messages are accepted, and wait until it takes sessions again.`;

export function sessionObject(view: RowView, row: ListedSession, missing: MissingImages = NONE_MISSING): SessionObject {
  const { spaceId, nodeId } = row;
  return withNames(row, spaceName(view, spaceId), nodeId === null ? null : nodeShown(view, nodeId), missing);
}

/** Presents many sessions. Looks up each space and node once. */
export function sessionObjects(view: RowView, rows: readonly ListedSession[], missing: MissingImages): SessionObject[] {
  const spaceOf = lookingOnce((id: ListedSession['spaceId']) => spaceName(view, id));
  const nodeOf = lookingOnce((id: string) => nodeShown(view, id));
  return rows.map((row) => withNames(row, spaceOf(row.spaceId), row.nodeId === null ? null : nodeOf(row.nodeId), missing));
}

function lookingOnce<Id, Found>(look: (id: Id) => Found): (id: Id) => Found {
  const found = new Map<Id, Found>();
  return (id) => {
    const known = found.get(id) ?? look(id);
    found.set(id, known);
    return known;
  };
}

function withNames(row: ListedSession, space: string, node: ShownNode | null, missing: MissingImages): SessionObject {
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
    profile: row.profile,
    image: row.imageName,
    isolation: row.isolation,
    running: state === 'idle' || state === 'busy',
    settled: isSettled(row),
    waiting_reason: row.desired === 'failed' ? null : (node?.waiting ?? imageReason(row, node, missing)),
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

/** Of a session that is to run and cannot yet. */
function imageReason(row: ListedSession, node: ShownNode | null, missing: MissingImages): string | null {
  const { desired, nodeId, image } = row;
  if (desired !== 'running' || node === null || nodeId === null || isSettled(row)) return null;
  const wait = missing.of(nodeId, image);
  return wait === undefined ? null : waitsForImage(image, node.name, wait);
}
