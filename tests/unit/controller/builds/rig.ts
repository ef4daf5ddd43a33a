/** The dispatch of builds over a cluster of two nodes that are played. */
import type { Test } from 'tap';
import type { BuildRow } from '../../../../controller/domain/builds/rows.ts';
import type { BuildId, NodeId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import type { View } from '../../../../controller/domain/engine/view.ts';
import { BUILD_BOUNDS, BuildDispatch, type DispatchDeps } from '../../../../controller/services/builds/dispatch-loop.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { HandClock } from '../../hand-clock.ts';
import { batching, silent } from '../core.ts';
import { cluster, type FakeNode } from '../fleet/world.ts';
import { loopsOf } from '../loops.ts';

export const spaceId = (at: number) => `space-${String(at).padStart(5, '0')}` as SpaceId;

export async function rig(t: Test, bounds = BUILD_BOUNDS, images?: DispatchDeps['images']) {
  const clock = new HandClock();
  const world = await cluster(t, clock);
  const { core, fleet, directory, connect } = world;
  const reads = { rows: 0, most: 0 };
  // What a dispatch reads: every list of builds that the view gives.
  const view: View = new Proxy(core.store.view, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function' || !/[bB]uilds/.test(String(name))) return value;
      return (...args: unknown[]) => {
        const found: unknown = Reflect.apply(value, target, args);
        if (Array.isArray(found)) {
          reads.rows += found.length;
          reads.most = Math.max(reads.most, found.length);
        }
        return found;
      };
    },
  });
  const pulling = { nodes: () => directory.nodes().map((one) => ({ ...one, pulls: true })) };
  const dispatch = new BuildDispatch({
    ...{
      loops: loopsOf(t, batching(clock)),
      applier: core.applier,
      view,
      fleet,
      directory: images === undefined ? directory : pulling,
      clock: batching(clock),
      secrets: { one: () => undefined },
      log: silent,
      metrics: silentMetrics,
      bounds,
      images,
    },
  });
  let made = 0;
  const build = (space: SpaceId, more: Partial<BuildRow> = {}): BuildRow => {
    made += 1;
    return {
      ...{
        id: `build-${made}` as BuildId,
        spaceId: space,
        status: 'pending',
        image: `image:build-${made}`,
        imageId: null,
        baseImage: 'base',
      },
      ...{
        agents: [],
        unfetched: [],
        stages: [],
        nodeId: null,
        error: null,
        createdAt: made,
        completedAt: null,
        createdBy: 'admin',
        ...more,
      },
    };
  };
  const queue = (...rows: BuildRow[]) =>
    core.applier.apply({
      name: 'queue',
      decide: () => ({ mutations: rows.map((row) => put('builds', row)), events: [], result: undefined }),
    });
  const settle = async () => {
    for (let i = 0; i < 6; i += 1)
      await core.applier.apply({ name: 'after', decide: () => ({ mutations: [], events: [], result: undefined }) });
  };
  const live = async (id: NodeId) => {
    const fake = connect(id);
    await fake.until(() => fake.of('assignmentSet')[0]);
    await settle();
    return fake;
  };
  const told = (fake: FakeNode) => fake.of('build').map(({ buildId }) => buildId);
  const end = (fake: FakeNode, buildId: string) =>
    fake.say({
      kind: 'build',
      value: {
        buildId,
        phase: 'BUILD_COMPLETED',
        imageId: 'sha256:1',
        error: '',
        baseImageMissing: false,
        refusedNow: false,
        ownBaseAgent: '',
        ownBaseImage: '',
        stages: [],
      },
    });
  const statusOf = (id: string) => core.store.view.get('builds', id)?.status;
  return { ...world, clock, dispatch, build, queue, settle, live, told, end, statusOf, reads };
}
