/** What a node needs, and that finding it out reads no row for each image of the node. */
import t from 'tap';
import type { BuildRow } from '../../../../controller/domain/builds/rows.ts';
import type { BuildId, NodeId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { type Mutation, put } from '../../../../controller/domain/engine/mutation.ts';
import { ImageHolders } from '../../../../controller/services/images/image-holders.ts';
import { ImageNeeds } from '../../../../controller/services/images/image-needs.ts';
import { NODE, node, openCore } from '../core.ts';

const SPACES = 20;
const imageOf = (number: number) => `raworc_space:build-${number}`;
const build = (number: number, more: Partial<BuildRow> = {}): BuildRow => ({
  ...{ id: `build-${number}` as BuildId, spaceId: `space-${number % SPACES}` as SpaceId, status: 'completed', image: imageOf(number) },
  ...{ imageId: 'i', baseImage: 'base', agents: [], unfetched: [], stages: [], nodeId: NODE, error: null },
  ...{ createdAt: number, completedAt: number, createdBy: 'admin' },
  ...more,
});

t.test('what a node needs follows its spaces, at the cost of these and not of its images', async (t) => {
  const core = await openCore();
  t.teardown(() => core.close());
  const write = (...mutations: readonly Mutation[]) =>
    core.applier.apply({ name: 'test', decide: () => ({ mutations, events: [], result: undefined }) });
  const { view } = core.store;
  let reads = 0;
  const counted: typeof view = {
    ...view,
    get(table, id) {
      reads += 1;
      return view.get(table, id);
    },
    newestBuild(spaceId, status) {
      reads += 1;
      return view.newestBuild(spaceId, status);
    },
  };
  const images = new Set(['base']);
  const own = { ...node(NODE, { images, pulls: true }), ...core.capacity.ofNode(NODE) };
  const directory = { nodes: () => [own], node: () => own };
  const holders = new ImageHolders({ directory, view });
  const needs = new ImageNeeds({
    ...{ view: counted, directory, baseImage: 'base', isObtainable: () => true },
    spacesOf: (id) => holders.spacesOf(id),
  });
  core.applier.onCommitted(({ mutations }) => needs.committed(mutations));
  /** As after a report of the node. */
  const look = () => {
    holders.update(NODE);
    reads = 0;
    return { needed: needs.of(own), reads };
  };
  const cost: number[] = [];
  for (const most of [200, 400]) {
    const first = most - 200;
    await write(...Array.from({ length: 200 }, (_, at) => put('builds', build(first + at))));
    for (let number = first; number < most; number += 1) images.add(imageOf(number));
    look();
    const { needed, reads } = look();
    t.same(needed, [], 'it has the newest of each space');
    cost.push(reads);
  }
  t.equal(cost[1], cost[0], 'twice as many images cost no more');
  t.ok((cost[0] ?? 0) <= SPACES);
  await write(put('builds', build(420)));
  t.same(look().needed, [imageOf(420)], 'a newer build of one of its spaces');
  await write({ kind: 'remove', table: 'builds', id: 'build-420' });
  t.same(look().needed, [], 'that is gone again');
  for (let number = 0; number < 400; number += SPACES) images.delete(imageOf(number));
  t.same(look().needed, [], 'nothing of a space of which it has no image any more');
});

t.test('in a small fleet, a node that joins later gets the newest image of each space that others have', async (t) => {
  const core = await openCore();
  t.teardown(() => core.close());
  const mutations = [0, 1, SPACES].map((number) => put('builds', build(number)));
  await core.applier.apply({ name: 'test', decide: () => ({ mutations, events: [], result: undefined }) });
  const { view } = core.store;
  const ready = { ...node(NODE, { images: new Set(['base', imageOf(0), imageOf(1)]), pulls: true }), ...core.capacity.ofNode(NODE) };
  const late = { ...ready, id: 'late' as NodeId, name: 'late', images: new Set<string>() };
  const others = Array.from({ length: 7 }, (_, at) => ({ ...late, id: `other-${at}` as NodeId }));
  const fleet = [ready, late];
  const directory = { nodes: () => fleet, node: (id: NodeId | null) => fleet.find((one) => one.id === id) };
  const holders = new ImageHolders({ directory, view });
  const needs = new ImageNeeds({
    ...{ view, directory, baseImage: 'base', isObtainable: () => true },
    // As after a restart of the controller, which knows of no recent build.
    spacesOf: (id) => holders.spacesOf(id),
  });
  t.same(needs.of(late), ['base', imageOf(SPACES), imageOf(1)], 'base image first');
  fleet.push(...others);
  t.same(needs.of(late), ['base'], 'in a larger one, only nodes that serve a space do');
});
