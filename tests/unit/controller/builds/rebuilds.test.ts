import t from 'tap';
import type { BuildRow } from '../../../../controller/domain/builds/rows.ts';
import type { BuildId, NodeId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import type { View } from '../../../../controller/domain/engine/view.ts';
import { type RebuildImages, Rebuilds } from '../../../../controller/services/builds/rebuilds.ts';
import type { NodeDirectory } from '../../../../controller/services/engine/node-directory.ts';
import type { Fleet } from '../../../../controller/services/fleet/fleet.ts';
import type { ControllerFrame } from '../../../../proto/frame.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { HandClock } from '../../hand-clock.ts';
import { silent } from '../core.ts';

const SPACE = 'space' as SpaceId;
const [NODE, OTHER] = ['node-1', 'node-2'] as NodeId[] as [NodeId, NodeId];
const IMAGE = 'raworc_space_default:build';
const DIGEST = `sha256:${'a'.repeat(64)}`;
const program = { runtime: 'python', handler: 'main.process_message', idempotent: false } as const;
const BUILD = {
  ...{
    id: 'build' as BuildId,
    spaceId: SPACE,
    status: 'completed',
    image: IMAGE,
    baseImage: 'base',
    unfetched: [],
    stages: [],
    nodeId: NODE,
  },
  ...{ agents: [{ id: 'agent', name: 'hello', digest: DIGEST, ...program }], imageId: 'i', error: null },
  ...{ createdAt: 1, completedAt: 2, createdBy: 'admin' },
} as unknown as BuildRow;

const LIMIT_MS = 900_000;

function rig({
  nodes = [NODE],
  base = true,
  images,
}: {
  nodes?: readonly NodeId[];
  base?: boolean;
  images?: Omit<RebuildImages, 'notRebuilt'> & Partial<RebuildImages>;
} = {}) {
  const clock = new HandClock();
  let postponed = 0;
  let looks = 0;
  const closed = new Map<NodeId, string>();
  const sent: { node: NodeId; frame: ControllerFrame }[] = [];
  const streams = new Map(nodes.map((node) => [node, { images: new Set(base ? ['base'] : []) }]));
  const fleet = {
    stream: (id: NodeId) => ({
      facts: { addImage: (image: string) => streams.get(id)?.images.add(image) },
      send: (frame: ControllerFrame) => sent.push({ node: id, frame }),
    }),
  };
  const directory = {
    nodes() {
      looks += 1;
      return nodes.map((id) => ({
        id,
        name: id,
        ready: true,
        pulls: images !== undefined,
        unschedulable: closed.get(id),
        requested: { cpuMillis: 0 },
        cpuMillis: 0,
        sessions: 0,
        images: streams.get(id)?.images ?? new Set<string>(),
      }));
    },
  } as unknown as NodeDirectory;
  const view = {
    get: () => undefined,
    buildOfImage: (_space: SpaceId, image: string) =>
      image === IMAGE ? BUILD : image.startsWith(IMAGE) ? { ...BUILD, id: image as BuildId, image } : undefined,
    newestBuild: () => BUILD,
  };
  const warned: object[] = [];
  const log = { ...silent, warn: (event: string, fields?: object) => void warned.push({ event, ...fields }) };
  const rebuilds = new Rebuilds({
    view: view as unknown as View,
    fleet: fleet as unknown as Fleet,
    directory,
    metrics: silentMetrics,
    log,
    clock,
    limitMs: LIMIT_MS,
    postponed() {
      postponed += 1;
    },
    images: images && { notRebuilt: () => undefined, ...images },
  });
  return {
    warned,
    rebuilds,
    sent,
    streams,
    closed,
    clock,
    postponed: () => postponed,
    looks: () => looks,
    kinds: () => sent.map(({ node, frame }) => `${node} ${frame.kind}`),
  };
}

t.test('a node that lost an image is told once to build it again, and may fetch its sources meanwhile', async (t) => {
  const { rebuilds, kinds, streams } = rig();
  t.notOk(rebuilds.canFetch(NODE, DIGEST), 'nobody may before');
  rebuilds.forSession(NODE, SPACE, IMAGE);
  rebuilds.forSession(NODE, SPACE, IMAGE);
  t.same(kinds(), [`${NODE} build`]);
  t.ok(rebuilds.canFetch(NODE, DIGEST));
  t.notOk(rebuilds.canFetch(OTHER, DIGEST), 'another node may not');
  t.ok(rebuilds.ended(NODE, 'build', { imageId: 'new' }), 'the end is not taken for that of a new build');
  t.ok(streams.get(NODE)?.images.has(IMAGE));
  t.notOk(rebuilds.canFetch(NODE, DIGEST));
  t.notOk(rebuilds.ended(NODE, 'build', { imageId: 'new' }), 'twice is not two');
});

t.test('an image that no build makes, or whose build fails, is gone, and the node hears why', async (t) => {
  const { rebuilds, sent, warned } = rig();
  rebuilds.forSession(NODE, SPACE, 'raworc/session:old');
  t.match(warned, [{ event: 'image.gone', image: 'raworc/session:old', node: NODE, reason: /no build can recreate it/ }]);
  t.match(sent[0]?.frame, { kind: 'imageGone', value: { image: 'raworc/session:old', reason: /no build can recreate it/ } });
  rebuilds.forSession(NODE, SPACE, IMAGE);
  rebuilds.ended(NODE, 'build', { error: 'The base image base is not on this node.' });
  t.match(sent.at(-1)?.frame, { kind: 'imageGone', value: { image: IMAGE, reason: /base image base is not on this node/ } });
});

t.test('a rebuild that lacks its base image is repeated if the image can be brought, and no session fails for it', async (t) => {
  let canBring = true;
  const asked: string[] = [];
  const images = {
    missing: () => true,
    baseMissing: (node: NodeId, build: BuildRow) => asked.push(`${node} ${build.image}`) > 0 && canBring,
  };
  const { rebuilds, kinds } = rig({ images });
  const lacks = { error: 'The base image base is not on this node.', baseImageMissing: true };
  rebuilds.forSession(NODE, SPACE, IMAGE);
  t.ok(rebuilds.ended(NODE, 'build', lacks));
  t.same(kinds(), [`${NODE} build`], 'nothing is gone');
  t.same(asked, [`${NODE} ${IMAGE}`]);
  rebuilds.forSession(NODE, SPACE, IMAGE);
  rebuilds.ended(NODE, 'build', { error: 'The handler is a directory.', baseImageMissing: false });
  t.same(kinds(), [`${NODE} build`, `${NODE} build`, `${NODE} imageGone`], 'another reason is final');
  canBring = false;
  rebuilds.forSession(NODE, SPACE, IMAGE);
  rebuilds.ended(NODE, 'build', lacks);
  t.equal(kinds().at(-1), `${NODE} imageGone`, 'nothing can bring it');
});

t.test('a space whose image no node holds any more gets it back on a node that has the base image', async (t) => {
  const { rebuilds, kinds, streams } = rig({ nodes: [NODE, OTHER] });
  streams.get(NODE)?.images.delete('base');
  t.ok(rebuilds.forSpace(SPACE, IMAGE));
  t.ok(rebuilds.forSpace(SPACE, IMAGE), 'asked for again, it is under way');
  t.same(kinds(), [`${OTHER} build`]);
  rebuilds.ended(OTHER, 'build', { imageId: 'new' });
  t.notOk(rebuilds.forSpace(SPACE, IMAGE), 'it is there');
  t.notOk(rebuilds.forSpace(SPACE, 'an older one'), 'new sessions start from the newest');
  t.notOk(rig({ base: false }).rebuilds.forSpace(SPACE, IMAGE), 'nowhere to build it');
});

t.test('a node on a new stream is sent the rebuilds that are still open', (t) => {
  const { rebuilds, kinds } = rig({ nodes: [NODE, OTHER] });
  rebuilds.forSession(NODE, SPACE, IMAGE);
  rebuilds.resend(OTHER);
  t.same(kinds(), [`${NODE} build`]);
  rebuilds.resend(NODE);
  t.same(kinds(), [`${NODE} build`, `${NODE} build`]);
  rebuilds.ended(NODE, 'build', { imageId: 'new' });
  rebuilds.resend(NODE);
  t.equal(kinds().length, 2);
  t.end();
});

t.test('a node whose stream ended is asked for nothing, and asks again itself', async (t) => {
  const { rebuilds, kinds } = rig();
  rebuilds.forSession(NODE, SPACE, IMAGE);
  rebuilds.forget(NODE);
  t.notOk(rebuilds.canFetch(NODE, DIGEST));
  rebuilds.forSession(NODE, SPACE, IMAGE);
  t.same(kinds(), [`${NODE} build`, `${NODE} build`]);
});

const REFUSED = { error: 'This node accepts no builds: The disk is nearly full.', refusedNow: true };

t.test('a rebuild that a node refuses waits until the node takes it, and no session fails for it', async (t) => {
  const { rebuilds, kinds, closed } = rig();
  rebuilds.forSession(NODE, SPACE, IMAGE);
  closed.set(NODE, 'The disk is nearly full.');
  t.ok(rebuilds.ended(NODE, 'build', REFUSED));
  rebuilds.retry();
  t.same(kinds(), [`${NODE} build`], 'nothing is gone');
  closed.clear();
  rebuilds.retry();
  t.same(kinds(), [`${NODE} build`, `${NODE} build`]);
  rebuilds.ended(NODE, 'build', { imageId: 'new' });
  rebuilds.retry();
  t.equal(kinds().length, 2);
});

t.test('very many that wait are tried again in turns, each with one look at the nodes', async (t) => {
  const { rebuilds, kinds, closed, looks } = rig();
  const images = Array.from({ length: 250 }, (_, at) => `${IMAGE}-${at}`);
  for (const image of images) rebuilds.forSession(NODE, SPACE, image);
  closed.set(NODE, 'The disk is nearly full.');
  for (const image of images) rebuilds.ended(NODE, image, REFUSED);
  const round = () => {
    let turns = 0;
    const before = looks();
    do turns += 1;
    while (rebuilds.retry() && rebuilds.isRetrying);
    t.equal(looks() - before, turns);
    return turns;
  };
  t.ok(round() > 1);
  t.equal(kinds().length, images.length, 'the node still refuses');
  closed.clear();
  t.ok(round() > 1);
  t.equal(kinds().length, 2 * images.length, 'each is tried once');
  t.notOk(rebuilds.retry(), 'and nothing waits any more');
});

t.test('with a registry another node rebuilds what a node refuses, and the node gets it from there', async (t) => {
  const asked: string[] = [];
  const images = {
    missing: (node: NodeId, _space: SpaceId, image: string) => asked.push(`${node} ${image}`) > 0,
    baseMissing: () => false,
  };
  const { rebuilds, kinds, closed } = rig({ nodes: [NODE, OTHER], images });
  rebuilds.forSession(NODE, SPACE, IMAGE);
  closed.set(NODE, 'The disk is nearly full.');
  rebuilds.ended(NODE, 'build', REFUSED);
  t.same(kinds(), [`${NODE} build`, `${OTHER} build`]);
  rebuilds.ended(OTHER, 'build', { imageId: 'new' });
  t.same(asked, [`${NODE} ${IMAGE}`]);

  rebuilds.forSession(NODE, SPACE, IMAGE);
  rebuilds.ended(NODE, 'build', REFUSED);
  closed.set(OTHER, 'The disk is nearly full.');
  rebuilds.ended(OTHER, 'build', REFUSED);
  t.equal(kinds().filter((kind) => kind.endsWith('imageGone')).length, 0);
  closed.clear();
  rebuilds.retry();
  t.equal(kinds().at(-1)?.endsWith('build'), true, 'the node is asked again once it accepts builds');

  const count = kinds().length;
  rebuilds.forget(OTHER);
  rebuilds.ended(NODE, 'build', { error: 'The handler is a directory.' });
  t.same(kinds().slice(count), [`${NODE} imageGone`], 'another reason is final');
});

t.test('another node is asked if one accepts a rebuild and never answers', async (t) => {
  const needed: string[] = [];
  const images = { missing: (node: NodeId) => needed.push(node) > 0, baseMissing: () => false };
  const { rebuilds, kinds, clock } = rig({ nodes: [NODE, OTHER], images });
  t.ok(rebuilds.forSpace(SPACE, IMAGE));
  await clock.advance(LIMIT_MS - 1);
  t.same(kinds(), [`${NODE} build`]);
  await clock.advance(1);
  t.same(kinds(), [`${NODE} build`, `${OTHER} build`]);
  t.notOk(rebuilds.canFetch(NODE, DIGEST), 'it fetches no sources any more');
  rebuilds.ended(OTHER, 'build', { imageId: 'new' });
  t.same(needed, [NODE], 'it gets the image from there');
});

t.test('without another node, a late rebuild is tried again', async (t) => {
  const { rebuilds, kinds, clock, postponed } = rig();
  rebuilds.forSession(NODE, SPACE, IMAGE);
  await clock.advance(LIMIT_MS);
  t.same(kinds(), [`${NODE} build`], 'no session fails for it');
  t.equal(postponed(), 1);
  t.notOk(rebuilds.retry());
  t.same(kinds(), [`${NODE} build`, `${NODE} build`]);
  rebuilds.ended(NODE, 'build', { imageId: 'new' });
  await clock.advance(2 * LIMIT_MS);
  t.equal(kinds().length, 2, 'its time is over with it');
});

t.test('a space is rebuilt elsewhere after a failure', (t) => {
  const { rebuilds, kinds } = rig({ nodes: [NODE, OTHER] });
  t.ok(rebuilds.forSpace(SPACE, IMAGE));
  rebuilds.ended(NODE, 'build', { error: 'No.' });
  t.ok(rebuilds.forSpace(SPACE, IMAGE));
  t.same(kinds(), [`${NODE} build`, `${NODE} imageGone`, `${OTHER} build`]);
  t.end();
});
