/** Rows as REST shows them. Names are looked up here, at the edge of what the store keeps. */

import type { AgentRow } from '../agents/rows.ts';
import type { BuildRow } from '../builds/rows.ts';
import type { MessageRow } from '../messages/rows.ts';
import { isSettled, restState } from '../sessions/life-cycle.ts';
import type { SessionRow } from '../sessions/rows.ts';
import type { SpaceId } from './ids.ts';
import type { AgentObject, BuildObject, MessageObject, SessionObject, SourceObject } from './objects.ts';
import { rfc3339, rfc3339OrNull } from './time.ts';
import type { View } from './view.ts';

const spaceName = (view: View, id: string): string => view.get('spaces', id)?.name ?? id;
const nodeName = (view: View, id: string): string => view.get('nodes', id)?.name ?? id;

/** The fields of a session's row that {@link sessionObject} needs. */
export const SHOWN_OF_SESSIONS = [
  ...(['id', 'name', 'spaceId', 'createdBy', 'desired', 'phase', 'outstanding', 'generation', 'observedGeneration'] as const),
  ...(['containerId', 'volume', 'parentId', 'nodeId', 'timeouts', 'createdAt', 'updatedAt', 'startedAt', 'lastActivityAt'] as const),
  ...(['terminatedAt', 'terminationReason', 'reason', 'metadata'] as const),
];
export type ShownSession = Pick<SessionRow, (typeof SHOWN_OF_SESSIONS)[number]>;

export function sessionObject(view: View, row: ShownSession): SessionObject {
  const { spaceId, nodeId } = row;
  return shown(row, spaceName(view, spaceId), nodeId === null ? null : nodeName(view, nodeId));
}

/** The same for many: each space and node is looked up once. */
export function sessionObjects(view: View, rows: readonly ShownSession[]): SessionObject[] {
  const names = new Map<string, string>();
  const nameOf = (id: string, look: (view: View, id: string) => string) => {
    const name = names.get(id) ?? look(view, id);
    names.set(id, name);
    return name;
  };
  return rows.map((row) => shown(row, nameOf(row.spaceId, spaceName), row.nodeId === null ? null : nameOf(row.nodeId, nodeName)));
}

function shown(row: ShownSession, space: string, node: string | null): SessionObject {
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

export function messageObject(row: MessageRow): MessageObject {
  return {
    id: row.id,
    session_id: row.sessionId,
    seq: row.seq,
    role: row.role,
    content: row.content,
    metadata: row.metadata,
    created_by: row.createdBy,
    created_at: rfc3339(row.createdAt),
  };
}

/** What a person wants of it, and what the newest build makes of that. That one of its workers lives is known outside of the rows. */
function agentStatus(row: AgentRow, newest: NewestBuild | undefined): AgentObject['status'] {
  if (row.wanted !== 'active' || newest === undefined || !newest.agents.has(row.id)) return row.wanted;
  if (newest.status === 'pending' || newest.status === 'building') return 'building';
  return newest.status === 'failed' ? 'error' : 'active';
}

interface NewestBuild {
  readonly status: BuildRow['status'];
  readonly agents: ReadonlySet<string>;
}

export const agentObject = (view: View, row: AgentRow): AgentObject => agentObjectsIn(view, row.spaceId)(row);

/** The same for many agents of one space: the space and its newest build are looked up once. */
export function agentObjectsIn(view: View, spaceId: SpaceId): (row: AgentRow) => AgentObject {
  const [name, newest] = [spaceName(view, spaceId), newestBuild(view, spaceId)];
  return (row) => shownAgent(row, name, newest);
}

function newestBuild(view: View, spaceId: SpaceId): NewestBuild | undefined {
  const build = view.newestBuild(spaceId);
  return build && { status: build.status, agents: new Set([...build.agents, ...build.unfetched].map(({ id }) => id)) };
}

const shownAgent = (row: AgentRow, space: string, newest: NewestBuild | undefined): AgentObject => ({
  name: row.name,
  space,
  description: row.description,
  purpose: row.purpose,
  source_repo: row.sourceRepo,
  source_branch: row.sourceBranch,
  status: agentStatus(row, newest),
  created_at: rfc3339(row.createdAt),
  updated_at: rfc3339(row.updatedAt),
  created_by: row.createdBy,
});

export function sourceObject(view: View, row: AgentRow): SourceObject {
  return {
    agent: row.name,
    space: spaceName(view, row.spaceId),
    digest: row.sourceDigest ?? '',
    size_bytes: row.sourceBytes,
    files: row.sourceFiles,
    runtime: row.program?.runtime ?? '',
    handler: row.program?.handler ?? '',
    created_at: rfc3339(row.sourceAt ?? row.updatedAt),
  };
}

export function buildObject(view: View, row: BuildRow): BuildObject {
  return {
    id: row.id,
    build_id: row.id,
    space: spaceName(view, row.spaceId),
    status: row.status,
    image_tag: row.status === 'completed' ? row.image : null,
    started_at: rfc3339(row.createdAt),
    completed_at: rfc3339OrNull(row.completedAt),
    agents_deployed: [...row.agents, ...row.unfetched].map(({ name }) => name),
    error: row.error,
    created_by: row.createdBy,
  };
}
