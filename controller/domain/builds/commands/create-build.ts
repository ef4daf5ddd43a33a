import type { AgentObject } from '../../../contract/agents.ts';
import type { BuildObject } from '../../../contract/builds.ts';
import { agentChanged } from '../../agents/agent-event.ts';
import { agentObject } from '../../agents/agent-objects.ts';
import { NO_AGENT } from '../../agents/refusals.ts';
import type { AgentRow } from '../../agents/rows.ts';
import { type Command, type Decision, unchanged } from '../../engine/command.ts';
import { type KnownRequest, recall, remember } from '../../engine/idempotency.ts';
import type { AgentId, BuildId, SpaceId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import type { RowView, View } from '../../engine/view.ts';
import type { NewEvent } from '../../events/events.ts';
import { refusedIfInactive } from '../../spaces/space-admission.ts';
import { buildObject } from '../build-object.ts';
import { type Content, contentOf, stillToFetch } from '../content.ts';
import { imageName } from '../image-name.ts';
import type { BuildRow } from '../rows.ts';
import type { BuildView } from '../view.ts';

export interface NewBuild {
  readonly id: BuildId;
  readonly spaceId: SpaceId;
  readonly baseImage: string;
  readonly user: string;
}

/**
 * Queues a build of this content. Updates a queued build that no node has started, so that
 * concurrent requests share one image.
 */
function queue(view: RowView & BuildView, input: NewBuild, { agents, unfetched }: Content, isForced: boolean, now: number): BuildRow {
  const space = view.get('spaces', input.spaceId);
  const newest = view.newestBuild(input.spaceId);
  const isShared = newest?.status === 'pending' && newest.nodeId === null;
  const builtAgain = isForced || (isShared && newest.unfetched.some((one) => one.isForced === true));
  const content = { agents, unfetched: builtAgain ? unfetched.map((one) => ({ ...one, isForced: true as const })) : unfetched };
  if (isShared) return { ...newest, ...content, baseImage: input.baseImage };
  return {
    id: input.id,
    spaceId: input.spaceId,
    status: 'pending',
    image: imageName(space?.name ?? 'space', input.spaceId, input.id),
    imageId: null,
    baseImage: input.baseImage,
    ...content,
    nodeId: null,
    error: null,
    stages: [],
    // Later than the previous build even if the clock was set back: sessions start from the newest.
    createdAt: Math.max(now, (newest?.createdAt ?? 0) + 1),
    completedAt: null,
    createdBy: input.user,
  };
}

function queued(view: RowView, build: BuildRow): NewEvent {
  const shown = buildObject(view, build);
  return { type: 'build.created', spaceId: build.spaceId, sessionId: null, data: { space: shown.space, build: shown } };
}

/**
 * Returns the newest build if it has not failed and has exactly this content. One that runs can have
 * looked at a repository already, before what was pushed to it since.
 */
function current(view: BuildView, input: NewBuild, { agents, unfetched }: Content): BuildRow | undefined {
  const newest = view.newestBuild(input.spaceId);
  if (newest === undefined || newest.status === 'failed' || newest.status === 'cancelled' || newest.baseImage !== input.baseImage)
    return undefined;
  if (newest.nodeId !== null && unfetched.length > 0) return undefined;
  const same = (a: readonly unknown[], b: readonly unknown[]) => JSON.stringify(a) === JSON.stringify(b);
  return same(newest.agents, agents) && same(newest.unfetched, unfetched) ? newest : undefined;
}

/**
 * Builds one image of every active agent in a space, with the newest commit of each repository.
 * Without `force`, returns an existing or running build with the same content, and a build of
 * repositories whose commits have not moved ends with the image that there is.
 */
export function createBuild(input: NewBuild, force: boolean, request?: KnownRequest): Command<Outcome<BuildObject>> {
  return {
    name: 'create-build',
    grows: true,
    decide({ view, now }) {
      const recalled = recall(view, request, ['builds', 'build'], (row) => buildObject(view, row));
      if (recalled !== undefined) return unchanged(recalled);
      const inactive = refusedIfInactive(view, input.spaceId);
      if (inactive !== undefined) return unchanged(inactive);
      const content = contentOf(view.agentsIn(input.spaceId), 'all');
      const there = force ? undefined : current(view, input, content);
      const build = there ?? queue(view, input, content, force, now);
      return {
        mutations: [...(there === undefined ? [put('builds', build)] : []), ...remember(request, build.id, now)],
        events: there === undefined ? [queued(view, build)] : [],
        result: accepted(buildObject(view, build)),
      };
    },
  };
}

/**
 * Returns the rows and events that activate an agent, and those of the build that brings it into
 * new sessions.
 */
export function activated(view: View, agent: AgentRow, input: NewBuild, now: number): Decision<AgentObject> {
  const active: AgentRow = { ...agent, wanted: 'active', updatedAt: now };
  const others = view.agentsIn(input.spaceId).filter(({ id }) => id !== agent.id);
  const resolved = new Set([...stillToFetch(view, input.spaceId), agent.id]);
  const build = queue(view, input, contentOf([...others, active], resolved), false, now);
  const shown: AgentObject = { ...agentObject(view, active), status: 'building' };
  return {
    mutations: [put('agents', active), put('builds', build)],
    events: [agentChanged(active, shown), queued(view, build)],
    result: shown,
  };
}

/** Activates an agent and queues the build that brings it into new sessions. */
export function deployAgent(agentId: AgentId, input: NewBuild): Command<Outcome<AgentObject>> {
  return {
    name: 'deploy-agent',
    grows: true,
    decide({ view, now }) {
      const agent = view.get('agents', agentId);
      if (agent === undefined) return unchanged(NO_AGENT);
      if (agent.sourceDigest === null && agent.sourceRepo === null) {
        return unchanged(refused('CONFLICT', `The agent "${agent.name}" has no source. Upload one with PUT …/source, then deploy it.`));
      }
      const inactive = refusedIfInactive(view, input.spaceId);
      if (inactive !== undefined) return unchanged(inactive);
      const decision = activated(view, agent, input, now);
      return { ...decision, result: accepted(decision.result) };
    },
  };
}
