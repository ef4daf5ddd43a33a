import { type Command, type Decision, unchanged } from '../../engine/command.ts';
import type { Fleet } from '../../engine/fleet.ts';
import type { BuildId, NodeId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import type { View } from '../../engine/view.ts';
import { buildObject } from '../build-object.ts';
import { withoutOldBuilds } from '../old-builds.ts';
import type { BuildRow, StageRow } from '../rows.ts';

function becomes<Result>(view: View, build: BuildRow, result: Result): Decision<Result> {
  const shown = buildObject(view, build);
  return {
    mutations: [put('builds', build)],
    events: [{ type: 'build.state', spaceId: build.spaceId, sessionId: null, data: { space: shown.space, build: shown } }],
    result,
  };
}

/** How a build ended on its node. */
export type BuildOutcome = { readonly stages?: readonly StageRow[] } & BuildEnd;

type BuildEnd =
  | { readonly imageId: string; readonly ownBase?: { readonly agent: string; readonly image: string } | undefined }
  /**
   * `baseImageMissing`, and `refusedNow` because of a condition of the node: another node, or this
   * one later, can still build it.
   */
  | { readonly error: string; readonly baseImageMissing?: boolean; readonly refusedNow?: boolean };

/** Whether the build is queued or running. */
export const isOpen = (build: BuildRow | undefined): build is BuildRow & { readonly status: 'pending' | 'building' } =>
  build?.status === 'pending' || build?.status === 'building';

/** Assigns an open build to a node. Returns the build if it is now that node's. */
export function assignBuild(id: BuildId, nodeId: NodeId): Command<BuildRow | undefined> {
  return {
    name: 'assign-build',
    decide({ view }) {
      const build = view.get('builds', id);
      if (!isOpen(build)) return unchanged(undefined);
      const given: BuildRow = { ...build, nodeId, status: 'building', stages: [] };
      return build.nodeId === nodeId ? unchanged(build) : becomes(view, given, given);
    },
  };
}

/** Queues a build again that its node cannot run now. */
export function returnBuild(id: BuildId, from: NodeId): Command<undefined> {
  return {
    name: 'return-build',
    decide({ view }) {
      const build = view.get('builds', id);
      if (!isOpen(build) || build.nodeId !== from) return unchanged(undefined);
      return becomes(view, { ...build, nodeId: null, status: 'pending', stages: [] }, undefined);
    },
  };
}

/** Also removes builds of the space that are old enough. */
export function ends<Result>(view: View, fleet: Fleet, build: BuildRow, result: Result): Decision<Result> {
  const { mutations, ...rest } = becomes(view, build, result);
  return { ...rest, mutations: [...mutations, ...withoutOldBuilds(view, fleet, build.spaceId)] };
}

/** Fails a build that no node can run. */
export function giveUpBuild(id: BuildId, error: string): Command<undefined> {
  return {
    name: 'give-up-build',
    decide({ view, fleet, now }) {
      const build = view.get('builds', id);
      if (!isOpen(build)) return unchanged(undefined);
      return ends(view, fleet, { ...build, status: 'failed', error, completedAt: now }, undefined);
    },
  };
}

const withOwnBase = (
  { agents }: BuildRow,
  own: { readonly agent: string; readonly image: string } | undefined,
): Pick<BuildRow, 'agents'> => ({
  agents: own === undefined ? agents : agents.map((one) => (one.name === own.agent ? { ...one, ownBase: own.image } : one)),
});

/** Records the outcome of a build, reported by its node. */
export function finishBuild(id: BuildId, from: NodeId, outcome: BuildOutcome): Command<BuildRow | undefined> {
  return {
    name: 'finish-build',
    decide({ view, fleet, now }) {
      const build = view.get('builds', id);
      if (!isOpen(build) || build.nodeId !== from) return unchanged(undefined);
      const stages = outcome.stages ?? build.stages;
      const done: BuildRow =
        'imageId' in outcome
          ? { ...build, ...withOwnBase(build, outcome.ownBase), stages, status: 'completed', imageId: outcome.imageId, completedAt: now }
          : { ...build, stages, status: 'failed', error: outcome.error, completedAt: now };
      return ends(view, fleet, done, done);
    },
  };
}

const areSame = (some: readonly StageRow[], others: readonly StageRow[]): boolean =>
  some.length === others.length &&
  some.every(({ name, tookMs, over }, at) => name === others[at]?.name && tookMs === others[at].tookMs && over === others[at].over);

/** Records how far a build is on its node. */
export function recordStages(id: BuildId, from: NodeId, stages: readonly StageRow[]): Command<undefined> {
  return {
    name: 'record-build-stages',
    decide({ view }) {
      const build = view.get('builds', id);
      if (!isOpen(build) || build.nodeId !== from || areSame(build.stages, stages)) return unchanged(undefined);
      return becomes(view, { ...build, stages }, undefined);
    },
  };
}

/** Records that the image of a completed build was pushed for the first time. */
export function recordPush(id: BuildId, tookMs: number): Command<undefined> {
  return {
    name: 'record-build-push',
    decide({ view }) {
      const build = view.get('builds', id);
      if (build?.status !== 'completed' || build.stages.some(({ name }) => name === 'push')) return unchanged(undefined);
      return becomes(view, { ...build, stages: [...build.stages, { name: 'push', tookMs, over: true }] }, undefined);
    },
  };
}
