import type { CheckedSource } from '../../agents/commands/put-source.ts';
import { type AgentRow, NO_TEXTS } from '../../agents/rows.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { BuildId, NodeId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import { refusedBySpace } from '../../spaces/space-admission.ts';
import type { BuildRow, BuiltAgent, UnfetchedAgent } from '../rows.ts';
import type { BuildView } from '../view.ts';
import { ends, isOpen } from './advance-build.ts';

/** What a node fetched for a build: the source, or the commit that the agent's source already is. */
export interface Fetched {
  readonly buildId: BuildId;
  readonly nodeId: NodeId;
  readonly agent: string;
  readonly commit: string;
  readonly source?: CheckedSource;
  /** Whether the node ends a build that would make the same image as the one before. */
  readonly endsSame: boolean;
}

export interface FetchedAgent {
  readonly built: BuiltAgent;
  /** The source that the agent had before. */
  readonly replaced: string | null;
  /** The build that has this content: the one that fetched it has ended. */
  readonly sameAs?: BuildId;
}

const NOT_ASKED = refused('NOT_FOUND', 'No build of this node fetches that source.');

/** Whether an agent still has the repository that a build fetches, and nothing was uploaded since. */
const isStillFrom = (row: AgentRow, { repo, directory }: UnfetchedAgent): boolean =>
  row.sourceRepo === repo && row.sourceDirectory === (directory ?? null) && (row.sourceDigest === null || row.sourceCommit !== null);

/** Puts a fetched source into its build, and makes it the source of its agent. */
export function recordFetched({ buildId, nodeId, agent, commit, source, endsSame }: Fetched): Command<Outcome<FetchedAgent>> {
  return {
    name: 'record-fetched',
    decide({ view, fleet, now }) {
      const build = view.get('builds', buildId);
      const unfetched = build?.unfetched.find(({ name }) => name === agent);
      if (!isOpen(build) || build.nodeId !== nodeId || unfetched === undefined) return unchanged(NOT_ASKED);
      const row = view.get('agents', unfetched.id);
      const owner = row !== undefined && isStillFrom(row, unfetched) ? row : undefined;
      const known = source ?? (owner?.sourceCommit === commit ? sourceOf(owner) : undefined);
      if (known === undefined)
        return unchanged(refused('CONFLICT', `The source of the agent ${agent} at ${commit} is not stored any more.`));
      const storageBytes = Math.max(0, known.sizeBytes - (owner?.sourceBytes ?? 0));
      const refusal = refusedBySpace(view, fleet, build.spaceId, { sessions: 0, requests: undefined, storageBytes }, 'also inactive');
      if (refusal !== undefined) return unchanged(refusal);
      const from = { repo: unfetched.repo, branch: unfetched.branch, commit };
      const built: BuiltAgent = { id: unfetched.id, name: agent, digest: known.digest, ...known.program, from };
      const rest = build.unfetched.filter((one) => one !== unfetched);
      const next: BuildRow = { ...build, agents: [...build.agents, built], unfetched: rest };
      const same = endsSame && rest.length === 0 && unfetched.isForced !== true ? sameBuild(view, next) : undefined;
      const { mutations, events } =
        same === undefined
          ? { mutations: [put('builds', next)], events: [] }
          : ends(view, fleet, { ...next, ...endedAs(same, next), completedAt: now }, undefined);
      const found = same === undefined ? {} : { sameAs: same.id };
      if (owner === undefined || source === undefined) return { mutations, events, result: accepted({ built, replaced: null, ...found }) };
      const fetched: AgentRow = {
        ...owner,
        sourceDigest: source.digest,
        sourceCommit: commit,
        program: source.program,
        sourceAt: now,
        sourceBytes: source.sizeBytes,
        sourceFiles: source.files,
        manifest: source.texts,
        updatedAt: now,
      };
      const result = accepted({ built, replaced: owner.sourceDigest, ...found });
      return { mutations: [...mutations, put('agents', fetched)], events, result };
    },
  };
}

/** Returns the build whose image new sessions start from, if it has this content: then nothing is to be built. */
function sameBuild(view: BuildView, { spaceId, baseImage, agents }: BuildRow): BuildRow | undefined {
  const serving = view.newestBuild(spaceId, 'completed');
  if (serving === undefined || serving.imageId === null || serving.baseImage !== baseImage) return undefined;
  return contentIn(serving.agents) === contentIn(agents) ? serving : undefined;
}

/** A commit can change other directories than that of the agent. */
const contentIn = (agents: readonly BuiltAgent[]): string =>
  JSON.stringify(
    agents
      .map(({ from: _from, ownBase: _ownBase, ...content }) => JSON.stringify(Object.entries(content).sort(([a], [b]) => (a < b ? -1 : 1))))
      .sort(),
  );

const endedAs = ({ image, imageId, agents }: BuildRow, { agents: own, stages }: BuildRow) => ({
  ...{ status: 'completed' as const, image, imageId },
  agents: own.map((agent) => ({ ...agent, ...ownBaseOf(agents.find(({ id }) => id === agent.id)) })),
  stages: stages.map((stage) => ({ ...stage, over: true })),
});

const ownBaseOf = (agent: BuiltAgent | undefined) => (agent?.ownBase === undefined ? {} : { ownBase: agent.ownBase });

const sourceOf = ({ sourceDigest, program, sourceBytes, sourceFiles, manifest }: AgentRow): CheckedSource | undefined =>
  sourceDigest === null || program === null
    ? undefined
    : { digest: sourceDigest, sizeBytes: sourceBytes, files: sourceFiles, program, texts: manifest ?? NO_TEXTS };
