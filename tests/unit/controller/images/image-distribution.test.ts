/** Which node is asked to push or pull what, over a fleet that is played. */
import t, { type Test } from 'tap';
import type { BuildRow } from '../../../../controller/domain/builds/rows.ts';
import type { FleetNode } from '../../../../controller/domain/engine/fleet.ts';
import type { BuildId, NodeId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { recordImage } from '../../../../controller/domain/images/commands/record-image.ts';
import { imageKey } from '../../../../controller/domain/images/platforms.ts';
import { BASE_REPOSITORY, repositoryOf } from '../../../../controller/domain/images/repository.ts';
import { loseNode } from '../../../../controller/domain/nodes/commands/node-absence.ts';
import { ImageDistribution } from '../../../../controller/services/images/image-distribution.ts';
import { SILENT_MS } from '../../../../controller/services/images/image-moves.ts';
import { FAILED_MS } from '../../../../controller/services/images/platform-builds.ts';
import type { ControllerFrame } from '../../../../proto/frame.ts';
import type { Clock } from '../../../../seams/clock.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemClock } from '../../../../seams/system.ts';
import { HandClock } from '../../hand-clock.ts';
import { NODE, node, OTHER_NODE, openCore, SPACE, silent } from '../core.ts';
import { joins } from '../fleet/world.ts';
import { loopsOf } from '../loops.ts';

const THIRD = 'n3' as NodeId;
const IMAGE = 'raworc_space_default:build-1';
const DIGEST = `sha256:${'d'.repeat(64)}`;
const BUILD: BuildRow = {
  ...{ id: 'build-1' as BuildId, spaceId: SPACE, status: 'completed', image: IMAGE, imageId: 'i', baseImage: 'base', agents: [] },
  ...{ unfetched: [], stages: [], nodeId: NODE, error: null, createdAt: 1, completedAt: 2, createdBy: 'admin' },
};

async function world(t: Test, images: Readonly<Record<string, readonly string[]>>, clock: Clock = systemClock) {
  const core = await openCore();
  t.teardown(() => core.close());
  const held = new Map(Object.entries(images).map(([id, tags]) => [id, new Set(tags)]));
  const away = new Set<NodeId>();
  const rules = new Map<string, ReadonlySet<SpaceId>>();
  const traits = new Map<string, Partial<FleetNode>>();
  const shown = (id: string) => ({
    ...(away.has(id as NodeId)
      ? node(id as NodeId, { images: new Set(), ready: false, away: true })
      : node(id as NodeId, { images: held.get(id) ?? new Set(), pulls: true })),
    ...core.capacity.ofNode(id as NodeId),
    spaces: rules.get(id),
    ...traits.get(id),
  });
  const sent: { readonly node: NodeId; readonly frame: ControllerFrame }[] = [];
  const waiting: (() => void)[] = [];
  const looked = new Set<string>();
  const rebuilt: string[] = [];
  const failures: string[] = [];
  const warned: object[] = [];
  const log = { ...silent, warn: (event: string, fields?: object) => void warned.push({ event, ...fields }) };
  const registry = { isUp: true, onUp: () => undefined, lacks: async (_repository: string, _digest: string) => false };
  const distribution = new ImageDistribution({
    ...{ loops: loopsOf(t), applier: core.applier, view: core.store.view, clock, log, metrics: silentMetrics },
    ...{ baseImage: 'base', registry },
    directory: {
      nodes: () => [...held.keys()].map(shown),
      node: (id) => (id !== null && held.has(id) && looked.add(id) ? shown(id) : undefined),
    },
    fleet: {
      stream: (id: NodeId) => ({
        facts: { addImage: (image: string) => held.get(id)?.add(image) },
        send(frame: ControllerFrame) {
          sent.push({ node: id, frame });
          for (const look of waiting.splice(0)) look();
          return true;
        },
      }),
    } as unknown as ConstructorParameters<typeof ImageDistribution>[0]['fleet'],
    rebuild: (id, _space, image) => void rebuilt.push(`${id} ${image}`),
    failed: (image, error) => void failures.push(`${image}: ${error}`),
  });
  await core.applier.apply({
    name: 'test-build',
    decide: () => ({ mutations: [put('builds', BUILD)], events: [], result: undefined }),
  });
  /** The next request, in order. */
  const next = async () => {
    while (sent.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    const one = sent.shift();
    if (one === undefined || (one.frame.kind !== 'pullImage' && one.frame.kind !== 'pushImage')) throw new Error('not a move');
    const { frame } = one;
    const moved = (error = '') => distribution.moved(one.node, { image: frame.value.image, pushed: frame.kind === 'pushImage', error });
    return { what: `${one.node} ${frame.kind} ${frame.value.image}`, node: one.node, frame, moved };
  };
  const inRegistry = (image: string, repository: string) => core.applier.apply(recordImage(image, repository, DIGEST));
  return { core, held, away, rules, traits, sent, looked, rebuilt, failures, warned, registry, distribution, next, inRegistry };
}

t.test('a new build is pushed once by its node, after its base image, and pulled by the others', async (t) => {
  const { distribution, next, held, core } = await world(t, { [NODE]: ['base', IMAGE], [OTHER_NODE]: [], [THIRD]: ['base'] });
  distribution.built(BUILD);
  const base = await next();
  t.equal(base.what, `${NODE} pushImage base`);
  t.match(base.frame.value, { repository: BASE_REPOSITORY, tag: 'base' });
  distribution.grants.pushed(NODE, BASE_REPOSITORY, 'base', DIGEST);
  base.moved();
  const asked = [await next(), await next()].sort((a, b) => a.frame.kind.localeCompare(b.frame.kind));
  t.same(
    asked.map(({ what }) => what),
    [`${OTHER_NODE} pullImage base`, `${NODE} pushImage ${IMAGE}`],
  );
  t.match(asked[0]?.frame.value, { repository: BASE_REPOSITORY, digest: DIGEST });
  t.ok(distribution.grants.mayPush(NODE, repositoryOf(SPACE), 'build-1'));
  t.notOk(distribution.grants.mayPush(OTHER_NODE, repositoryOf(SPACE)));
  distribution.grants.pushed(NODE, repositoryOf(SPACE), 'build-1', DIGEST);
  for (const one of asked) one.moved();
  const pulls = [await next(), await next()];
  t.same(pulls.map(({ what }) => what).sort(), [OTHER_NODE, THIRD].map((id) => `${id} pullImage ${IMAGE}`).sort());
  t.ok(pulls.every(({ node }) => distribution.grants.mayPull(node, repositoryOf(SPACE))));
  for (const one of pulls) one.moved();
  await core.applier.apply(recordImage('unrelated', 'x', DIGEST));
  t.ok([OTHER_NODE, THIRD].every((id) => held.get(id)?.has(IMAGE)));
  t.notOk(distribution.grants.mayPull(THIRD, repositoryOf(SPACE)), 'the right ends with the pull');
});

t.test('in a large fleet, a new build concerns the nodes that have an image of its space', async (t) => {
  const OLD = 'raworc_space_default:build-0';
  const others = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`n-${at}`, ['base']]));
  const { distribution, next, inRegistry, looked, held, core } = await world(t, {
    ...{ ...others, [NODE]: ['base', IMAGE], [OTHER_NODE]: ['base', OLD], [THIRD]: ['base', OLD] },
  });
  const old = put('builds', { ...BUILD, id: 'build-0' as BuildId, image: OLD, createdAt: 0 });
  await core.applier.apply({ name: 'old', decide: () => ({ mutations: [old], events: [], result: undefined }) });
  await inRegistry('base', BASE_REPOSITORY);
  t.ok(distribution.isObtainable(OLD, 'linux/amd64'), 'all nodes are looked at once');
  held.get(THIRD)?.delete(OLD);
  distribution.gone(THIRD);
  looked.clear();
  distribution.built(BUILD);
  t.equal((await next()).what, `${NODE} pushImage ${IMAGE}`);
  t.same([...looked].sort(), [NODE, OTHER_NODE]);
});

t.test('eight nodes pull at once, so that a hundred do not ask together', async (t) => {
  const others = Array.from({ length: 20 }, (_, at) => `n-${at}`);
  const { distribution, sent, next, inRegistry } = await world(t, {
    [NODE]: ['base', IMAGE],
    ...Object.fromEntries(others.map((id) => [id, ['base']])),
  });
  const settles = async () => {
    for (let turns = 0; turns < 50; turns += 1) await new Promise(setImmediate);
  };
  await inRegistry('base', BASE_REPOSITORY);
  await inRegistry(IMAGE, repositoryOf(SPACE));
  for (const id of others) distribution.missing(id as NodeId, SPACE, IMAGE);
  await settles();
  t.equal(sent.length, 8);
  (await next()).moved();
  await settles();
  t.equal(sent.length, 8, 'the next one asks when one has it');
  const asked = new Set<string>();
  for (let left = others.length - 1; left > 0; left -= 1) {
    const { what, moved } = await next();
    asked.add(what);
    moved();
  }
  t.equal(asked.size, others.length - 1, 'and each gets it');
});

t.test('what all nodes have is never pushed', async (t) => {
  const { distribution, sent, core } = await world(t, { [NODE]: ['base', IMAGE], [OTHER_NODE]: ['base', IMAGE] });
  distribution.built(BUILD);
  distribution.changed(NODE);
  await new Promise((resolve) => systemClock.after(50, () => resolve(undefined)));
  await core.applier.apply(recordImage('unrelated', 'x', DIGEST));
  t.same(sent, []);
});

t.test('a session that lacks its image: pulled, again after a failure, and never given up', async (t) => {
  const { distribution, next, inRegistry, rebuilt } = await world(t, { [NODE]: ['base'], [OTHER_NODE]: ['base'] });
  await inRegistry(IMAGE, repositoryOf(SPACE));
  t.ok(distribution.missing(NODE, SPACE, IMAGE));
  const first = await next();
  t.equal(first.what, `${NODE} pullImage ${IMAGE}`);
  first.moved('the line was cut');
  const second = await next();
  t.equal(second.what, first.what);
  distribution.gone(NODE);
  t.same(rebuilt, []);
});

t.test('an image that the registry lost is forgotten, and pushed again by a node that has it', async (t) => {
  const { distribution, next, inRegistry, core, registry, warned } = await world(t, { [NODE]: ['base', IMAGE], [OTHER_NODE]: ['base'] });
  await inRegistry('base', BASE_REPOSITORY);
  await inRegistry(IMAGE, repositoryOf(SPACE));
  registry.lacks = async () => core.store.view.get('images', IMAGE) !== undefined;
  distribution.missing(OTHER_NODE, SPACE, IMAGE);
  const pull = await next();
  distribution.grants.vanished(OTHER_NODE, repositoryOf(SPACE));
  pull.moved('manifest unknown');
  const push = await next();
  t.equal(push.what, `${NODE} pushImage ${IMAGE}`);
  t.equal(core.store.view.get('images', IMAGE), undefined);
  t.match(warned, [{ event: 'image.vanished', image: IMAGE, digest: DIGEST }]);
  distribution.grants.pushed(NODE, repositoryOf(SPACE), 'build-1', DIGEST);
  push.moved();
  t.equal((await next()).what, `${OTHER_NODE} pullImage ${IMAGE}`);
});

t.test('a node that fails to push, or pushes no whole image, does not keep another from pushing it', async (t) => {
  const { distribution, next, inRegistry, core, registry } = await world(t, {
    ...{ [NODE]: ['base', IMAGE], [OTHER_NODE]: ['base'], [THIRD]: ['base', IMAGE] },
  });
  await inRegistry('base', BASE_REPOSITORY);
  registry.lacks = async (_, digest) => digest !== DIGEST;
  distribution.missing(OTHER_NODE, SPACE, IMAGE);
  const first = await next();
  t.equal(first.what, `${NODE} pushImage ${IMAGE}`);
  first.moved('it is not here');
  const second = await next();
  t.equal(second.what, `${THIRD} pushImage ${IMAGE}`);
  distribution.grants.pushed(THIRD, repositoryOf(SPACE), 'build-1', `sha256:${'e'.repeat(64)}`);
  second.moved();
  const third = await next();
  t.equal(third.what, `${NODE} pushImage ${IMAGE}`, 'each failed once');
  t.equal(core.store.view.get('images', IMAGE), undefined);
  distribution.grants.pushed(NODE, repositoryOf(SPACE), 'build-1', DIGEST);
  third.moved();
  t.equal((await next()).what, `${OTHER_NODE} pullImage ${IMAGE}`);
  t.equal(core.store.view.get('images', IMAGE)?.digest, DIGEST);
});

t.test('an image that a node only claims to be lost stays', async (t) => {
  const { distribution, next, inRegistry, core, registry } = await world(t, { [NODE]: ['base', IMAGE], [OTHER_NODE]: ['base'] });
  const looked: string[] = [];
  registry.lacks = async (repository: string, digest: string) => {
    looked.push(`${repository}@${digest}`);
    if (looked.length > 1) throw new Error('the registry does not answer');
    return false;
  };
  await inRegistry('base', BASE_REPOSITORY);
  await inRegistry(IMAGE, repositoryOf(SPACE));
  distribution.missing(OTHER_NODE, SPACE, IMAGE);
  for (let tries = 0; tries < 2; tries += 1) {
    const pull = await next();
    t.equal(pull.what, `${OTHER_NODE} pullImage ${IMAGE}`);
    distribution.grants.vanished(OTHER_NODE, repositoryOf(SPACE));
    pull.moved('manifest unknown');
  }
  t.equal((await next()).what, `${OTHER_NODE} pullImage ${IMAGE}`);
  t.same(looked, Array(2).fill(`${repositoryOf(SPACE)}@${DIGEST}`));
  t.ok(core.store.view.get('images', IMAGE));
});

t.test('an image that the registry finds damaged after a failed pull is pushed again', async (t) => {
  const { distribution, next, inRegistry, core, registry } = await world(t, { [NODE]: ['base', IMAGE], [OTHER_NODE]: ['base'] });
  Object.assign(registry, { repair: async (digest: string) => digest === DIGEST });
  await inRegistry('base', BASE_REPOSITORY);
  await inRegistry(IMAGE, repositoryOf(SPACE));
  distribution.missing(OTHER_NODE, SPACE, IMAGE);
  (await next()).moved('filesystem layer verification failed');
  t.equal((await next()).what, `${NODE} pushImage ${IMAGE}`);
  t.equal(core.store.view.get('images', IMAGE), undefined);
});

t.test('an image that nobody has is rebuilt; one without a way to the registry is left to that', async (t) => {
  const { distribution, rebuilt, held } = await world(t, { [NODE]: ['base'], [OTHER_NODE]: ['base'] });
  distribution.missing(NODE, SPACE, IMAGE);
  while (rebuilt.length === 0) await new Promise((resolve) => setImmediate(resolve));
  t.same(rebuilt, [`${NODE} ${IMAGE}`]);
  held.delete(NODE);
  t.equal(distribution.missing(NODE, SPACE, IMAGE), false);
});

t.test('while the registry is away nothing is asked; when it is back, all at once', async (t) => {
  const { distribution, next, inRegistry, registry, sent } = await world(t, { [NODE]: ['base'], [OTHER_NODE]: ['base'] });
  await inRegistry(IMAGE, repositoryOf(SPACE));
  registry.isUp = false;
  distribution.missing(NODE, SPACE, IMAGE);
  await new Promise((resolve) => systemClock.after(50, () => resolve(undefined)));
  t.same(sent, []);
  registry.isUp = true;
  distribution.wakeAll();
  t.equal((await next()).what, `${NODE} pullImage ${IMAGE}`);
});

t.test('before a rebuild its base image is brought to the node, from the registry or another node', async (t) => {
  const { distribution, next, held, rebuilt } = await world(t, { [NODE]: [], [OTHER_NODE]: ['base'] });
  distribution.missing(NODE, SPACE, IMAGE);
  const push = await next();
  t.equal(push.what, `${OTHER_NODE} pushImage base`);
  distribution.grants.pushed(OTHER_NODE, BASE_REPOSITORY, 'base', DIGEST);
  push.moved();
  const pull = await next();
  t.equal(pull.what, `${NODE} pullImage base`);
  t.same(rebuilt, [], 'not without it');
  pull.moved('the line was cut');
  const again = await next();
  t.equal(again.what, `${NODE} pullImage base`);
  t.same(rebuilt, [], 'nor after a failed pull');
  again.moved();
  while (rebuilt.length === 0) await new Promise((resolve) => setImmediate(resolve));
  t.same(rebuilt, [`${NODE} ${IMAGE}`]);

  held.get(NODE)?.delete('base');
  t.ok(distribution.baseMissing(NODE, BUILD), 'a rebuild that found it missing is taken over');
  const back = await next();
  t.equal(back.what, `${NODE} pullImage base`);
  back.moved();
  while (rebuilt.length === 1) await new Promise((resolve) => setImmediate(resolve));
  t.notOk(distribution.baseMissing(NODE, BUILD), 'it is there: that was not the reason');
  t.notOk(distribution.baseMissing(NODE, { ...BUILD, baseImage: 'unknown' }), 'nothing has it');
});

t.test('the base image of an older build is brought too', async (t) => {
  const { distribution, next, core, inRegistry } = await world(t, { [NODE]: ['base'], [OTHER_NODE]: ['base'] });
  const old: BuildRow = { ...BUILD, id: 'build-0' as BuildId, image: 'raworc_space_default:build-0', baseImage: 'old-base' };
  await core.applier.apply({ name: 'old', decide: () => ({ mutations: [put('builds', old)], events: [], result: undefined }) });
  await inRegistry('old-base', BASE_REPOSITORY);
  distribution.missing(NODE, SPACE, old.image);
  t.equal((await next()).what, `${NODE} pullImage old-base`);
});

t.test('a rebuild whose base image was to come from a node that left is tried without it', async (t) => {
  const { distribution, next, held, rebuilt } = await world(t, { [NODE]: [], [OTHER_NODE]: ['base'] });
  distribution.missing(NODE, SPACE, IMAGE);
  t.equal((await next()).what, `${OTHER_NODE} pushImage base`);
  held.delete(OTHER_NODE);
  distribution.gone(OTHER_NODE);
  while (rebuilt.length === 0) await new Promise((resolve) => setImmediate(resolve));
  t.same(rebuilt, [`${NODE} ${IMAGE}`]);
});

t.test('an image that an absent node can have is awaited until the node is back', async (t) => {
  const { distribution, next, away, rebuilt } = await world(t, { [NODE]: [], [OTHER_NODE]: ['base', IMAGE] });
  away.add(OTHER_NODE);
  t.ok(distribution.baseMissing(NODE, BUILD), 'a rebuild that found its base image missing is repeated later');
  t.ok(distribution.missing(NODE, SPACE, 'unknown'), 'an image without a build is awaited too');
  await new Promise((resolve) => systemClock.after(50, () => resolve(undefined)));
  t.same(rebuilt, []);
  away.delete(OTHER_NODE);
  distribution.changed(OTHER_NODE);
  const push = await next();
  t.equal(push.what, `${OTHER_NODE} pushImage base`);
  distribution.grants.pushed(OTHER_NODE, BASE_REPOSITORY, 'base', DIGEST);
  push.moved();
  while (rebuilt.length === 0) await new Promise((resolve) => setImmediate(resolve));
  t.same(rebuilt, [`${NODE} unknown`], 'it did not bring this one');
});

t.test('an absent node is not awaited where the image can be rebuilt, nor once it is lost', async (t) => {
  const { distribution, core, held, away, rebuilt } = await world(t, { [NODE]: ['base'], [OTHER_NODE]: ['base', IMAGE] });
  await joins(core, OTHER_NODE);
  away.add(OTHER_NODE);
  distribution.missing(NODE, SPACE, IMAGE);
  while (rebuilt.length === 0) await new Promise((resolve) => setImmediate(resolve));
  t.same(rebuilt, [`${NODE} ${IMAGE}`]);

  held.get(NODE)?.delete('base');
  t.ok(distribution.baseMissing(NODE, BUILD));
  await new Promise((resolve) => systemClock.after(50, () => resolve(undefined)));
  t.equal(rebuilt.length, 1);
  away.delete(OTHER_NODE);
  held.delete(OTHER_NODE);
  t.match(await core.applier.apply(loseNode(OTHER_NODE, () => false, null)), { ok: true });
  while (rebuilt.length === 1) await new Promise((resolve) => setImmediate(resolve));
  t.same(rebuilt, [`${NODE} ${IMAGE}`, `${NODE} ${IMAGE}`], 'which tells the node the reason');
  t.notOk(distribution.baseMissing(NODE, BUILD), 'nothing can bring it');
});

t.test('a node pushes only images of spaces that the rules allow it, and base images if they allow all', async (t) => {
  const { distribution, next, rules, rebuilt } = await world(t, { [NODE]: ['base', IMAGE], [OTHER_NODE]: ['base', IMAGE], [THIRD]: [] });
  rules.set(NODE, new Set(['another space' as SpaceId]));
  rules.set(OTHER_NODE, new Set([SPACE]));
  t.ok(distribution.isObtainable(IMAGE, 'linux/amd64'));
  t.notOk(distribution.isObtainable('base', 'linux/amd64'), 'whatever these two say they have');
  distribution.missing(THIRD, SPACE, IMAGE);
  t.equal((await next()).what, `${OTHER_NODE} pushImage ${IMAGE}`);
  rules.delete(OTHER_NODE);
  t.ok(distribution.isObtainable('base', 'linux/amd64'));
  t.same(rebuilt, []);
});

t.test('a new build is repeated once for another platform, whose nodes get it from one another', async (t) => {
  const ARM = 'linux/arm64';
  const arm = imageKey(IMAGE, ARM);
  const { distribution, next, traits, held, rebuilt, core, inRegistry } = await world(t, {
    ...{ [NODE]: ['base', IMAGE], [OTHER_NODE]: ['base'], [THIRD]: ['base'] },
  });
  for (const id of [OTHER_NODE, THIRD]) traits.set(id, { platform: ARM });
  await inRegistry('base', BASE_REPOSITORY);
  await inRegistry(imageKey('base', ARM), BASE_REPOSITORY);
  t.ok(distribution.isObtainable(IMAGE, 'linux/amd64'));
  t.notOk(distribution.isObtainable(IMAGE, ARM));
  distribution.built(BUILD);
  while (rebuilt.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => systemClock.after(20, () => resolve(undefined)));
  t.same(rebuilt, [`${OTHER_NODE} ${IMAGE}`], 'by one of them');
  held.get(OTHER_NODE)?.add(IMAGE);
  distribution.changed(OTHER_NODE);
  const push = await next();
  t.equal(push.what, `${OTHER_NODE} pushImage ${IMAGE}`, 'not by the node of the other platform');
  t.match(push.frame.value, { repository: repositoryOf(SPACE), tag: 'build-1-arm64' });
  distribution.grants.pushed(OTHER_NODE, repositoryOf(SPACE), 'build-1-arm64', DIGEST);
  push.moved();
  const pull = await next();
  t.equal(pull.what, `${THIRD} pullImage ${IMAGE}`);
  t.match(pull.frame.value, { digest: DIGEST });
  t.equal(core.store.view.get('images', arm)?.digest, DIGEST);
  t.equal(core.store.view.get('images', IMAGE), undefined, 'nobody needs the other one');
});

t.test('another node repeats a build for its platform if the first one goes', async (t) => {
  const { distribution, traits, held, rebuilt } = await world(t, { [NODE]: ['base', IMAGE], [OTHER_NODE]: ['base'], [THIRD]: ['base'] });
  for (const id of [OTHER_NODE, THIRD]) traits.set(id, { platform: 'linux/arm64' });
  distribution.built(BUILD);
  while (rebuilt.length === 0) await new Promise((resolve) => setImmediate(resolve));
  held.delete(OTHER_NODE);
  distribution.gone(OTHER_NODE);
  while (rebuilt.length === 1) await new Promise((resolve) => setImmediate(resolve));
  t.same(rebuilt, [`${OTHER_NODE} ${IMAGE}`, `${THIRD} ${IMAGE}`]);
});

t.test('another node repeats a build for its platform if it fails on the first one', async (t) => {
  const clock = new HandClock();
  const images = { [NODE]: ['base', IMAGE], [OTHER_NODE]: ['base'], [THIRD]: ['base'] };
  const { distribution, traits, rebuilt } = await world(t, images, clock);
  for (const id of [OTHER_NODE, THIRD]) traits.set(id, { platform: 'linux/arm64' });
  distribution.built(BUILD);
  while (rebuilt.length === 0) await new Promise((resolve) => setImmediate(resolve));
  distribution.notRebuilt(THIRD, BUILD);
  t.same(rebuilt, [`${OTHER_NODE} ${IMAGE}`], 'it was not asked');
  distribution.notRebuilt(OTHER_NODE, BUILD);
  while (rebuilt.length === 1) await new Promise((resolve) => setImmediate(resolve));
  t.equal(rebuilt[1], `${THIRD} ${IMAGE}`);
  distribution.notRebuilt(THIRD, BUILD);
  await clock.advance(FAILED_MS);
  distribution.connected(THIRD);
  while (rebuilt.length === 2) await new Promise((resolve) => setImmediate(resolve));
  t.match(rebuilt[2], IMAGE, 'again after a while');
});

t.test('nodes that share an engine move nothing between them', async (t) => {
  const { distribution, traits, sent } = await world(t, { [NODE]: ['base', IMAGE], [OTHER_NODE]: [] });
  for (const id of [NODE, OTHER_NODE]) traits.set(id, { engine: 'one' });
  distribution.built(BUILD);
  distribution.connected(OTHER_NODE);
  await new Promise((resolve) => systemClock.after(50, () => resolve(undefined)));
  t.same(sent, []);
  traits.set(OTHER_NODE, { engine: 'another' });
  distribution.connected(OTHER_NODE);
  while (sent.length === 0) await new Promise((resolve) => setImmediate(resolve));
  t.match(sent, [{ node: NODE, frame: { kind: 'pushImage' } }]);
});

t.test('a node that accepts a push and never answers is replaced by another that has the image', async (t) => {
  const clock = new HandClock();
  const images = { [NODE]: ['base', IMAGE], [OTHER_NODE]: ['base'], [THIRD]: ['base', IMAGE] };
  const { distribution, next, inRegistry, failures } = await world(t, images, clock);
  await inRegistry('base', BASE_REPOSITORY);
  distribution.missing(OTHER_NODE, SPACE, IMAGE);
  t.equal((await next()).what, `${NODE} pushImage ${IMAGE}`);
  await clock.advance(SILENT_MS.pushImage);
  t.notOk(distribution.grants.mayPush(NODE, repositoryOf(SPACE)), 'its right ends');
  const second = await next();
  t.equal(second.what, `${THIRD} pushImage ${IMAGE}`);
  t.same(failures, [`${IMAGE}: the node moved nothing for 60 seconds`]);
  distribution.grants.pushed(THIRD, repositoryOf(SPACE), 'build-1', DIGEST);
  second.moved();
  t.equal((await next()).what, `${OTHER_NODE} pullImage ${IMAGE}`);
});

t.test('a node that pushes on and on holds up no images of other nodes', async (t) => {
  const slow = Array.from({ length: 12 }, (_, at) => `slow-${at}`);
  const { distribution, next, sent } = await world(t, { [NODE]: ['base', ...slow], [OTHER_NODE]: ['base'], [THIRD]: ['base', 'mine'] });
  for (const image of [...slow, 'mine']) distribution.missing(OTHER_NODE, SPACE, image);
  const pushes = [await next(), await next(), await next()];
  t.same(
    pushes.map(({ what }) => what),
    [`${NODE} pushImage slow-0`, `${NODE} pushImage slow-1`, `${THIRD} pushImage mine`],
  );
  await new Promise((resolve) => systemClock.after(50, () => resolve(undefined)));
  t.same(sent, [], 'two by one node');
  distribution.grants.pushed(NODE, BASE_REPOSITORY, 'slow-0', DIGEST);
  pushes[0]?.moved();
  const then = [await next(), await next()].map(({ what }) => what).sort();
  t.same(then, [`${NODE} pushImage slow-2`, `${OTHER_NODE} pullImage slow-0`]);
});

t.test('sessions elsewhere are not told what a node says of its push', async (t) => {
  const { distribution, next, failures } = await world(t, { [NODE]: ['base', 'mine'], [OTHER_NODE]: ['base'] });
  distribution.missing(OTHER_NODE, SPACE, 'mine');
  (await next()).moved('open https://example.com and log in');
  while (failures.length === 0) await new Promise((resolve) => setImmediate(resolve));
  t.same(failures, ['mine: a node that has it could not push it']);
});

t.test('nodes that join before the first one with an image get it once that one comes', async (t) => {
  const { distribution, next, held, sent } = await world(t, { [OTHER_NODE]: [], [THIRD]: [] });
  for (const id of [OTHER_NODE, THIRD]) distribution.connected(id);
  await new Promise((resolve) => systemClock.after(50, () => resolve(undefined)));
  t.same(sent, []);
  held.set(NODE, new Set(['base']));
  distribution.connected(NODE);
  const push = await next();
  t.equal(push.what, `${NODE} pushImage base`);
  distribution.grants.pushed(NODE, BASE_REPOSITORY, 'base', DIGEST);
  push.moved();
  t.same([(await next()).what, (await next()).what].sort(), [`${OTHER_NODE} pullImage base`, `${THIRD} pullImage base`].sort());
});
