/** Which images are condemned, and when nodes and registry are asked to remove them. */
import t, { type Test } from 'tap';
import type { BuildRow } from '../../../../controller/domain/builds/rows.ts';
import type { BuildId, NodeId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { type Mutation, put } from '../../../../controller/domain/engine/mutation.ts';
import { recordImage } from '../../../../controller/domain/images/commands/record-image.ts';
import { removeSpace } from '../../../../controller/domain/spaces/commands/spaces.ts';
import type { LoopOptions } from '../../../../controller/services/engine/loops.ts';
import { ImageCollection, type ImageCollectionDeps } from '../../../../controller/services/images/image-collection.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemClock } from '../../../../seams/system.ts';
import { HandClock } from '../../hand-clock.ts';
import { NODE, node, OTHER_NODE, openCore, SPACE, silent } from '../core.ts';
import { sessionRow } from '../engine/session-rows.ts';

const GRACE_MS = 1_000;
/** Rows carry times that are later than the last row's. */
const PAST_GRACE_MS = GRACE_MS + 200;
const imageOf = (number: number) => `raworc_space_default:build-${number}`;
const build = (number: number, more: Partial<BuildRow> = {}): BuildRow => ({
  ...{ id: `build-${number}` as BuildId, spaceId: SPACE, status: 'completed', image: imageOf(number), imageId: 'i', baseImage: 'base' },
  ...{ agents: [], unfetched: [], stages: [], nodeId: NODE, error: null, createdAt: number, completedAt: number, createdBy: 'admin' },
  ...more,
});

async function world(t: Test, images: Readonly<Record<string, readonly string[]>>) {
  const clock = new HandClock();
  const core = await openCore({ clock });
  t.teardown(() => core.close());
  const held = new Map(Object.entries(images).map(([id, tags]) => [id as NodeId, new Set(tags)]));
  const away = new Set<NodeId>();
  const low = new Set<NodeId>();
  const asked: string[] = [];
  const deleted: string[] = [];
  const state = { isUp: true, isDiskLow: false, outcome: 'removed' as 'removed' | 'refused', kept: [] as string[] };
  let run: (key?: string) => unknown = () => undefined;
  let imagesChanged: (id: NodeId) => void = () => undefined;
  let woken = Promise.resolve<unknown>(undefined);
  new ImageCollection({
    ...{ applier: core.applier, view: core.store.view, log: silent, metrics: silentMetrics, clock: systemClock, baseImage: 'base' },
    loops: {
      open(options: LoopOptions<string>) {
        run = (key = 'all') => options.run(key, new AbortController().signal);
        const wake = (key: string) => {
          woken = Promise.resolve(run(key));
        };
        return { wake };
      },
    },
    directory: {
      nodes: () => [...held].map(([id, own]) => ({ ...node(id, { images: own, ready: !away.has(id) }), ...core.capacity.ofNode(id) })),
    },
    fleet: {
      listen: (listener: { imagesChanged(id: NodeId): void }) => {
        imagesChanged = listener.imagesChanged;
      },
      stream: (id: NodeId) => ({
        facts: { removesImages: true, images: held.get(id), conditions: low.has(id) ? [{ type: 'DiskLow' }] : [] },
        send: ({ value }: { readonly value: { readonly image: string } }) => asked.push(`${id} ${value.image}`),
      }),
    },
    rules: { graceMs: GRACE_MS, isDiskLow: () => state.isDiskLow },
    registry: {
      get isUp() {
        return state.isUp;
      },
      removeManifest: async (repository: string, digest: string, isKept: (digest: string) => boolean) => {
        deleted.push(`${repository} ${digest}`);
        state.kept = ['sha256:1', 'sha256:2', 'sha256:3'].filter(isKept);
        return state.outcome;
      },
      collect: () => undefined,
    },
  } as unknown as ImageCollectionDeps);
  const write = (...rows: readonly (Mutation | BuildRow)[]) => {
    const mutations = rows.map((one) => ('kind' in one ? one : put('builds', one)));
    return core.applier.apply({ name: 'test', decide: () => ({ mutations, events: [], result: undefined }) });
  };
  const pass = async (afterMs = 0) => {
    clock.sleep(afterMs);
    asked.length = 0;
    await run();
    return [...asked];
  };
  const condemned = () => core.store.view.condemnedImages(100).map(({ id }) => id);
  /** The node reports its images. */
  const reports = async (id: NodeId) => {
    asked.length = 0;
    imagesChanged(id);
    await woken;
    return [...asked];
  };
  return { reports, core, held, away, low, deleted, state, write, pass, condemned };
}

t.test('of a loop of deployments, only the newest image stays', async (t) => {
  const numbers = Array.from({ length: 50 }, (_, at) => at + 1);
  const { write, pass, condemned, held } = await world(t, { [NODE]: ['base', 'of-somebody-else', ...numbers.map(imageOf)] });
  await write(...numbers.map((number) => build(number)));
  t.same(await pass(), [], 'not before the grace is over');
  t.equal(condemned().length, 49);
  const asked = await pass(PAST_GRACE_MS);
  t.same(new Set(asked), new Set(numbers.slice(0, -1).map((number) => `${NODE} ${imageOf(number)}`)));
  t.same(await pass(), asked, 'repeated until the node no longer has them');
  for (const number of numbers.slice(0, -1)) held.get(NODE)?.delete(imageOf(number));
  t.same(await pass(), []);
  t.same(condemned(), [], 'and then forgotten');
  t.same(await pass(PAST_GRACE_MS), []);
});

t.test('an image stays while a session has it, also a suspended or failed one, and goes after the last', async (t) => {
  for (const desired of ['running', 'suspended', 'failed'] as const) {
    const { write, pass, condemned } = await world(t, { [NODE]: [imageOf(1), imageOf(2)] });
    const row = sessionRow(1, { image: imageOf(1), desired, spaceId: SPACE });
    await write(build(1), build(2), put('sessions', row));
    await pass();
    t.same(await pass(2 * GRACE_MS), [], desired);
    t.same(condemned(), []);
    await write(put('sessions', { ...row, desired: 'deleted' }));
    await pass();
    t.same(await pass(PAST_GRACE_MS), [`${NODE} ${imageOf(1)}`]);
  }
});

t.test('an image that is needed again is pardoned, and starts a new grace later', async (t) => {
  const { write, pass, condemned } = await world(t, { [NODE]: [imageOf(1), imageOf(2)] });
  await write(build(1), build(2));
  await pass();
  t.same(condemned(), [imageOf(1)]);
  const row = sessionRow(1, { image: imageOf(1), spaceId: SPACE });
  await write(put('sessions', row));
  t.same(await pass(PAST_GRACE_MS), []);
  t.same(condemned(), []);
  await write(put('sessions', { ...row, desired: 'deleted' }));
  t.same(await pass(PAST_GRACE_MS), []);
  t.same(await pass(PAST_GRACE_MS), [`${NODE} ${imageOf(1)}`]);
});

t.test('open builds keep their image and the base image', async (t) => {
  const { write, pass } = await world(t, { [NODE]: ['old-base', imageOf(1), imageOf(2)] });
  await write(build(1, { status: 'building', baseImage: 'old-base' }), build(2));
  await write(put('images', { id: 'old-base', repository: 'raworc/base', digest: 'sha256:a', pushedAt: 1 }));
  await pass();
  t.same(await pass(PAST_GRACE_MS), []);
  await write(build(1, { status: 'failed', baseImage: 'old-base' }));
  await pass();
  t.same(new Set(await pass(PAST_GRACE_MS)), new Set([`${NODE} ${imageOf(1)}`, `${NODE} old-base`]));
});

t.test('the base image of a build that can have to be repeated stays', async (t) => {
  const { write, pass } = await world(t, { [NODE]: ['old-base', imageOf(1)] });
  await write(build(1, { baseImage: 'old-base' }));
  await write(put('images', { id: 'old-base', repository: 'raworc/base', digest: 'sha256:a', pushedAt: 1 }));
  await pass();
  t.same(await pass(PAST_GRACE_MS), []);
  await write(build(2));
  await pass();
  t.same(new Set(await pass(PAST_GRACE_MS)), new Set([`${NODE} ${imageOf(1)}`, `${NODE} old-base`]));
});

t.test('a node is asked for a hundred removals in a pass, oldest first', async (t) => {
  const numbers = Array.from({ length: 150 }, (_, at) => at + 1);
  const { write, pass } = await world(t, { [NODE]: numbers.map(imageOf) });
  for (const number of numbers) await write(build(number));
  await pass();
  const first = await pass(PAST_GRACE_MS);
  t.equal(first.length, 100);
  // It has containers of all of them.
  t.equal(new Set([...first, ...(await pass())]).size, 149, 'images that it cannot remove do not keep it from the others');
  t.equal(new Set([...(await pass()), ...(await pass())]).size, 149, 'and are asked again');
});

t.test('a node whose disk is low removes at once, oldest first', async (t) => {
  const { write, pass, low } = await world(t, { [NODE]: [1, 2, 3].map(imageOf), [OTHER_NODE]: [1, 2, 3].map(imageOf) });
  await write(build(1), build(2));
  await pass();
  await write(build(3));
  low.add(NODE);
  t.same(await pass(1), [`${NODE} ${imageOf(1)}`, `${NODE} ${imageOf(2)}`]);
});

t.test('images of a deleted space go, also from a node that was away', async (t) => {
  const space = '00000000-0000-4000-8000-00000000000b' as SpaceId;
  const { core, write, pass, away, held, condemned } = await world(t, { [NODE]: [], [OTHER_NODE]: [imageOf(1)] });
  const times = { createdAt: 1, updatedAt: 1, createdBy: 'admin' };
  await write(put('spaces', { id: space, name: 'b', description: null, settings: {}, secretsVersion: 0, active: true, ...times }));
  await write(build(1, { spaceId: space }));
  away.add(OTHER_NODE);
  await core.applier.apply(removeSpace(space));
  t.same(await pass(2 * GRACE_MS), []);
  away.clear();
  t.same(await pass(), [`${OTHER_NODE} ${imageOf(1)}`]);
  held.get(OTHER_NODE)?.clear();
  await pass();
  t.same(condemned(), []);
});

t.test('the registry removes the manifest, except one that another image has too', async (t) => {
  const { core, write, pass, deleted, state } = await world(t, { [NODE]: [imageOf(3)] });
  await write(build(1), build(2), build(3));
  await core.applier.apply(recordImage(imageOf(1), 'r', 'sha256:1'));
  await core.applier.apply(recordImage(imageOf(2), 'r', 'sha256:3'));
  await core.applier.apply(recordImage(imageOf(3), 'r', 'sha256:3'));
  await pass();
  state.isUp = false;
  await pass(PAST_GRACE_MS);
  t.same(deleted, [], 'it is away');
  state.isUp = true;
  await pass();
  t.same(deleted, ['r sha256:1']);
  t.same(state.kept, ['sha256:3'], 'also from an index that names it');
  t.equal(core.store.view.get('images', imageOf(1)), undefined);
  t.equal(core.store.view.get('images', imageOf(2)), undefined);
  t.ok(core.store.view.get('images', imageOf(3)));
});

t.test('a registry that removes nothing is asked once', async (t) => {
  const { core, write, pass, deleted, state } = await world(t, { [NODE]: [] });
  await write(build(1), build(2));
  await core.applier.apply(recordImage(imageOf(1), 'r', 'sha256:1'));
  Object.assign(state, { outcome: 'refused', isDiskLow: true });
  await pass();
  await pass();
  t.same(deleted, ['r sha256:1'], 'and at once if the disk is low');
});

t.test('images that only an absent node can have do not keep newer ones from being removed', async (t) => {
  const MOST = 10_000;
  const { write, pass, held, away, condemned } = await world(t, { [NODE]: [], [OTHER_NODE]: [imageOf(1)] });
  const numbers = Array.from({ length: MOST + 2 }, (_, at) => at + 1);
  away.add(OTHER_NODE);
  await write(...numbers.map((number) => build(number)));
  await write(...numbers.slice(0, MOST).map((number) => put('condemnedImages', { id: imageOf(number), condemnedAt: number })));
  held.get(NODE)?.add(imageOf(MOST + 1));
  await pass(PAST_GRACE_MS);
  t.same(await pass(PAST_GRACE_MS), [`${NODE} ${imageOf(MOST + 1)}`]);
  away.clear();
  await pass();
  t.same(condemned(), [imageOf(1), imageOf(MOST + 1)].sort(), 'and are condemned again when it returns');
});

t.test('other work runs between the requests to many nodes', async (t) => {
  const ids = Array.from({ length: 50 }, (_, at) => `node-${at}`);
  const { write, pass } = await world(t, Object.fromEntries(ids.map((id) => [id, [imageOf(1), imageOf(2)]])));
  await write(build(1), build(2));
  await pass();
  let isOver = false;
  let turns = 0;
  const count = () => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  t.equal((await pass(PAST_GRACE_MS)).length, ids.length);
  isOver = true;
  t.ok(turns >= ids.length, `${turns} turns`);
});

t.test('images of many nodes are not looked through in one turn', async (t) => {
  const ids = Array.from({ length: 50 }, (_, at) => `node-${at}` as NodeId);
  const { write, pass, held } = await world(t, {});
  let inTurn = 0;
  let most = 0;
  let all = 0;
  class Counted extends Set<string> {
    override [Symbol.iterator]() {
      all += 1;
      most = Math.max(most, ++inTurn);
      return super[Symbol.iterator]();
    }
  }
  for (const id of ids) held.set(id, new Counted().add(imageOf(1)).add(imageOf(2)));
  await write(build(1), build(2));
  let isOver = false;
  const count = () => {
    inTurn = 0;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  await pass();
  isOver = true;
  t.ok(all >= 2 * ids.length, 'what they have, and what of it is still there');
  t.ok(most <= 4, `${most} nodes in one turn`);
});

t.test('a node with many is asked for the next batch once it has removed the last, without waiting for a pass', async (t) => {
  const numbers = Array.from({ length: 251 }, (_, at) => at + 1);
  const { write, pass, held, reports } = await world(t, { [NODE]: numbers.map(imageOf) });
  await write(...numbers.map((number) => build(number)));
  await pass();
  const first = await pass(PAST_GRACE_MS);
  t.equal(first.length, 100);
  const removes = (asked: readonly string[]) => {
    for (const one of asked) held.get(NODE)?.delete(one.slice(NODE.length + 1));
  };
  removes(first.slice(0, 49));
  t.same(await reports(NODE), [], 'most of the batch is still there');
  // It uses some, and never removes them.
  removes(first.slice(0, 95));
  const second = await reports(NODE);
  t.equal(second.length, 100);
  t.ok(second.every((one) => !first.includes(one)));
  removes(second);
  const third = await reports(NODE);
  t.equal(third.length, 55, 'the rest, and what it used before');
  removes(third);
  t.same(await reports(NODE), []);
  t.same(held.get(NODE), new Set([imageOf(251)]));
});
