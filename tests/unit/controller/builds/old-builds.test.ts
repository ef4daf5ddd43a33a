import t from 'tap';
import { finishBuild, giveUpBuild } from '../../../../controller/domain/builds/commands/advance-build.ts';
import { MAX_BUILDS_OF_SPACE } from '../../../../controller/domain/builds/old-builds.ts';
import type { BuildRow } from '../../../../controller/domain/builds/rows.ts';
import type { BuildId } from '../../../../controller/domain/engine/ids.ts';
import { type Mutation, put } from '../../../../controller/domain/engine/mutation.ts';
import { NODE, node, openCore, SPACE } from '../core.ts';
import { sessionRow } from '../engine/session-rows.ts';

const imageOf = (number: number) => `raworc_space_default:build-${number}`;
const build = (number: number, more: Partial<BuildRow> = {}): BuildRow => ({
  ...{ id: `build-${number}` as BuildId, spaceId: SPACE, status: 'completed', image: imageOf(number), imageId: 'i', baseImage: 'base' },
  ...{ agents: [], unfetched: [], stages: [], nodeId: NODE, error: null, createdAt: number, completedAt: number, createdBy: 'admin' },
  ...more,
});

t.test('a loop of deployments keeps the newest builds of its space, and older ones that something needs', async (t) => {
  const images = new Set(['base', imageOf(2)]);
  const core = await openCore({ nodes: [node(NODE, { images })] });
  t.teardown(() => core.close());
  const write = (...mutations: readonly Mutation[]) =>
    core.applier.apply({ name: 'test', decide: () => ({ mutations, events: [], result: undefined }) });
  const numbers = () =>
    core.store.view
      .buildsIn(SPACE)
      .map(({ createdAt }) => createdAt)
      .sort((a, b) => a - b);
  const session = sessionRow(1, { image: imageOf(1), desired: 'suspended', spaceId: SPACE });
  let number = MAX_BUILDS_OF_SPACE + 30;
  await write(
    ...Array.from({ length: number }, (_, at) => put('builds', build(at + 1, { status: at % 3 === 0 ? 'failed' : 'completed' }))),
    ...[put('builds', build(1)), put('sessions', session), put('condemnedImages', { id: imageOf(3), condemnedAt: 1 })],
    put('images', { id: imageOf(5), repository: 'r', digest: 'sha256:5', pushedAt: 1 }),
  );
  const next = async (outcome: 'completed' | 'failed') => {
    number += 1;
    const { id } = build(number);
    await write(put('builds', build(number, { status: 'building', completedAt: null })));
    await core.applier.apply(outcome === 'completed' ? finishBuild(id, NODE, { imageId: 'i' }) : giveUpBuild(id, 'no node'));
  };
  await next('completed');
  t.same(numbers().slice(0, 6), [1, 2, 3, 5, 24, 25], 'twenty are looked at');
  for (let more = 0; more < 3; more += 1) await next('failed');
  const newest = Array.from({ length: MAX_BUILDS_OF_SPACE }, (_, at) => number - MAX_BUILDS_OF_SPACE + at + 1);
  t.same(numbers(), [1, 2, 3, 5, ...newest]);
  // Nothing has them any more.
  images.delete(imageOf(2));
  await write(
    put('sessions', { ...session, desired: 'deleted' }),
    ...(['condemnedImages', 'images'] as const).map((table, at): Mutation => ({ kind: 'remove', table, id: imageOf(at === 0 ? 3 : 5) })),
  );
  await next('failed');
  t.same(numbers(), [...newest.slice(1), number]);
});

t.test('the newest completed build stays, however many failed after it', async (t) => {
  const core = await openCore();
  t.teardown(() => core.close());
  const mutations = Array.from({ length: MAX_BUILDS_OF_SPACE + 5 }, (_, at) =>
    put('builds', build(at + 1, at < 2 ? {} : { status: at === MAX_BUILDS_OF_SPACE + 4 ? 'building' : 'failed' })),
  );
  await core.applier.apply({ name: 'test', decide: () => ({ mutations, events: [], result: undefined }) });
  await core.applier.apply(giveUpBuild(`build-${MAX_BUILDS_OF_SPACE + 5}` as BuildId, 'no node'));
  t.equal(core.store.view.newestBuild(SPACE, 'completed')?.id, 'build-2');
  t.equal(core.store.view.get('builds', 'build-1'), undefined);
  t.equal(core.store.view.buildsIn(SPACE).length, MAX_BUILDS_OF_SPACE + 1);
});
