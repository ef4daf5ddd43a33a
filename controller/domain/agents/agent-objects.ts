import type { AgentObject, SourceObject } from '../../contract/agents.ts';
import type { BuildRow } from '../builds/rows.ts';
import type { BuildView } from '../builds/view.ts';
import type { SpaceId } from '../engine/ids.ts';
import { rfc3339 } from '../engine/time.ts';
import type { RowView } from '../engine/view.ts';
import { spaceName } from '../spaces/space-objects.ts';
import type { AgentRow, ManifestTexts } from './rows.ts';

export const agentObject = (view: RowView & BuildView, row: AgentRow): AgentObject => agentObjectsIn(view, row.spaceId)(row);

/** Presents many agents of one space. Looks up the space and its newest build once. */
export function agentObjectsIn(view: RowView & BuildView, spaceId: SpaceId): (row: AgentRow) => AgentObject {
  const [space, newest] = [spaceName(view, spaceId), newestBuild(view, spaceId)];
  return (row) => ({
    name: row.name,
    space,
    ...agentTexts(row),
    source_repo: row.sourceRepo,
    source_branch: row.sourceBranch,
    source_directory: row.sourceDirectory,
    source_secret: row.sourceSecret,
    source_commit: row.sourceCommit,
    status: agentStatus(row, newest),
    created_at: rfc3339(row.createdAt),
    updated_at: rfc3339(row.updatedAt),
    created_by: row.createdBy,
  });
}

/** Returns the texts of an agent: those set by the API, else those of its manifest. */
export const agentTexts = ({ description, purpose, manifest }: Pick<AgentRow, keyof ManifestTexts | 'manifest'>): ManifestTexts => ({
  description: description ?? manifest?.description ?? null,
  purpose: purpose ?? manifest?.purpose ?? null,
});

interface NewestBuild {
  readonly status: BuildRow['status'];
  readonly agents: ReadonlySet<string>;
  /** The sources in the newest image, if the newest build has failed. */
  readonly digests: ReadonlyMap<string, string>;
  readonly unfetched: ReadonlySet<string>;
}

function newestBuild(view: BuildView, spaceId: SpaceId): NewestBuild | undefined {
  const build = view.newestBuild(spaceId);
  if (build === undefined) return undefined;
  const built = build.status === 'failed' ? view.newestBuild(spaceId, 'completed') : undefined;
  return {
    status: build.status,
    agents: new Set([...build.agents, ...build.unfetched].map(({ id }) => id)),
    digests: new Map(built?.agents.map(({ id, digest }) => [id, digest])),
    unfetched: new Set(build.unfetched.map(({ id }) => id)),
  };
}

/**
 * Combines the wanted state with the newest build. Rows do not know whether a worker is running.
 */
function agentStatus(row: AgentRow, newest: NewestBuild | undefined): AgentObject['status'] {
  if (row.wanted !== 'active' || newest === undefined || !newest.agents.has(row.id)) return row.wanted;
  if (newest.status === 'pending' || newest.status === 'building') return 'building';
  if (newest.status !== 'failed') return 'active';
  // Another agent can be the reason: the newest image has this one as it is.
  const isInImage = !newest.unfetched.has(row.id) && newest.digests.get(row.id) === row.sourceDigest;
  return isInImage ? 'active' : 'error';
}

export const sourceObject = (view: RowView, row: AgentRow): SourceObject => ({
  agent: row.name,
  space: spaceName(view, row.spaceId),
  digest: row.sourceDigest ?? '',
  size_bytes: row.sourceBytes,
  files: row.sourceFiles,
  runtime: row.program?.runtime ?? '',
  handler: row.program?.handler ?? '',
  created_at: rfc3339(row.sourceAt ?? row.updatedAt),
});
