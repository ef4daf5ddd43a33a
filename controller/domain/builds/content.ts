import type { AgentRow } from '../agents/rows.ts';
import type { AgentId, SpaceId } from '../engine/ids.ts';
import type { BuildRow, BuiltAgent, UnfetchedAgent } from './rows.ts';
import type { BuildView } from './view.ts';

/** Content of an image: every active agent with a source. */
export type Content = Pick<BuildRow, 'agents' | 'unfetched'>;

/**
 * Returns the content of a space's next image. Repositories in `resolved` are fetched again; those
 * of other agents stay at their commit, so that a deploy of one agent changes no other.
 */
export function contentOf(rows: readonly AgentRow[], resolved: ReadonlySet<AgentId> | 'all'): Content {
  const agents: BuiltAgent[] = [];
  const unfetched: UnfetchedAgent[] = [];
  for (const row of rows) {
    if (row.wanted !== 'active') continue;
    const { sourceRepo: repo, sourceCommit: commit } = row;
    const isUploaded = row.sourceDigest !== null && commit === null;
    const isFetchedAgain = !isUploaded && repo !== null && (commit === null || resolved === 'all' || resolved.has(row.id));
    if (isFetchedAgain) unfetched.push(unfetchedAgent(row, repo));
    else if (row.sourceDigest !== null && row.program !== null) {
      const from = commit === null || repo === null ? {} : { from: { repo, branch: row.sourceBranch, commit } };
      agents.push({ id: row.id, name: row.name, digest: row.sourceDigest, ...row.program, ...from });
    }
  }
  return { agents, unfetched };
}

const unfetchedAgent = ({ id, name, sourceBranch, sourceDirectory, sourceSecret }: AgentRow, repo: string): UnfetchedAgent => ({
  ...{ id, name, repo, branch: sourceBranch },
  ...(sourceDirectory === null ? {} : { directory: sourceDirectory }),
  ...(sourceSecret === null ? {} : { secret: sourceSecret }),
});

/** Returns the agents whose repositories the open builds of a space still fetch. */
export function stillToFetch(view: BuildView, spaceId: SpaceId): ReadonlySet<AgentId> {
  const open = view.openBuilds(spaceId);
  return new Set(open.flatMap(({ unfetched }) => unfetched.map(({ id }) => id)));
}
