import { type Command, type Decision, unchanged } from '../command.ts';
import type { AgentId, BuildId, SpaceId } from '../ids.ts';
import { imageName } from '../image-name.ts';
import type { AgentObject, BuildObject } from '../objects.ts';
import { accepted, type Outcome, refused } from '../outcome.ts';
import { agentObject, buildObject } from '../present.ts';
import { type AgentRow, type BuildRow, type BuiltAgent, put } from '../rows.ts';
import type { View } from '../view.ts';

export interface NewBuild {
  readonly id: BuildId;
  readonly spaceId: SpaceId;
  readonly baseImage: string;
  readonly user: string;
}

const built = (row: AgentRow): BuiltAgent[] =>
  row.sourceDigest === null || row.program === null || row.wanted !== 'active'
    ? []
    : [{ id: row.id, name: row.name, digest: row.sourceDigest, ...row.program }];

/** A build of these agents; one that no node was told of yet is changed instead, so that several requests at once make one image. */
function queue(view: View, input: NewBuild, agents: readonly BuiltAgent[], now: number): BuildRow {
  const space = view.get('spaces', input.spaceId);
  const newest = view.newestBuild(input.spaceId);
  if (newest?.status === 'pending' && newest.nodeId === null) return { ...newest, agents, baseImage: input.baseImage };
  return {
    id: input.id,
    spaceId: input.spaceId,
    status: 'pending',
    image: imageName(space?.name ?? 'space', input.spaceId, input.id),
    imageId: null,
    baseImage: input.baseImage,
    agents,
    nodeId: null,
    error: null,
    createdAt: now,
    completedAt: null,
    createdBy: input.user,
  };
}

function queued<Answer>(view: View, build: BuildRow, answer: Answer): Decision<Answer> {
  const shown = buildObject(view, build);
  return {
    mutations: [put('builds', build)],
    events: [{ type: 'build.created', spaceId: build.spaceId, sessionId: null, data: { space: shown.space, build: shown } }],
    answer,
  };
}

/** Puts every active agent of a space into one image. */
export function createBuild(input: NewBuild): Command<Outcome<BuildObject>> {
  return {
    name: 'create-build',
    decide({ view, now }) {
      const agents = view.agentsIn(input.spaceId).flatMap(built);
      if (agents.length === 0) {
        return unchanged(refused('CONFLICT', 'This space has no active agent with a source: upload one and deploy it.'));
      }
      const build = queue(view, input, agents, now);
      return queued(view, build, accepted(buildObject(view, build)));
    },
  };
}

/** Makes an agent active, and queues the build that carries it into new sessions. */
export function deployAgent(agentId: AgentId, input: NewBuild): Command<Outcome<AgentObject>> {
  return {
    name: 'deploy-agent',
    decide({ view, now }) {
      const agent = view.get('agents', agentId);
      if (agent === undefined) return unchanged(refused('NOT_FOUND', 'There is no such agent.'));
      if (agent.sourceDigest === null) {
        return unchanged(refused('CONFLICT', `The agent "${agent.name}" has no source yet: upload one (PUT …/source), then deploy it.`));
      }
      const active: AgentRow = { ...agent, wanted: 'active', updatedAt: now };
      const others = view.agentsIn(input.spaceId).filter(({ id }) => id !== agentId);
      const build = queue(view, input, [...others, active].flatMap(built), now);
      const decision = queued(view, build, undefined);
      const shown: AgentObject = { ...agentObject(view, active), status: 'building' };
      return {
        mutations: [put('agents', active), ...decision.mutations],
        events: [
          { type: 'agent.changed', spaceId: active.spaceId, sessionId: null, data: { space: shown.space, agent: shown } },
          ...decision.events,
        ],
        answer: accepted(shown),
      };
    },
  };
}
