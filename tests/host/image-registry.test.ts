/**
 * An image travels through a real registry, over the node protocol's mTLS, between two nodes that
 * share this machine's Docker.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { get } from 'node:http';
import { join } from 'node:path';
import t from 'tap';
import type { NodeId } from '../../controller/domain/engine/ids.ts';
import { openRegistry } from '../../controller/registry/open-registry.ts';
import { RegistryProxy } from '../../controller/registry/registry-proxy.ts';
import { type Grant, RegistryGrants } from '../../controller/services/images/registry-grants.ts';
import { grpcDialer } from '../../node-agent/control/grpc-dialer.ts';
import { dockerClients } from '../../node-agent/engine/docker/client.ts';
import { ImageTransfer } from '../../node-agent/engine/docker/images/image-transfer.ts';
import { DockerImages } from '../../node-agent/engine/docker/images/images.ts';
import { MovingNames } from '../../node-agent/engine/docker/images/moving-names.ts';
import type { MoveOutcome } from '../../node-agent/engine/driver.ts';
import { openRegistryListener } from '../../node-agent/images/registry-listener.ts';
import { silentMetrics } from '../../seams/metrics.ts';
import { systemClock, systemRandom } from '../../seams/system.ts';
import { testDirectory } from '../test-directory.ts';
import { silentLog, startRig } from '../unit/controller/grpc/wire-rig.ts';
import { makeBusyboxImage } from './busybox.ts';
import { pushIndexes } from './image-index.ts';

const A = 'a0000000-0000-4000-8000-000000000001' as NodeId;
const B = 'b0000000-0000-4000-8000-000000000002' as NodeId;
const space = `raworc/spaces/${randomUUID()}`;
const build = randomUUID();
const image = `raworc-test-registry:${build}`;
const cluster = randomUUID();
const clock = systemClock;
const never = new AbortController().signal;
const reasonOf = (outcome: MoveOutcome) => (outcome.ok ? '' : outcome.reason);

t.setTimeout(240_000);
t.test('an image that one node pushes is pulled by another, by its digest', async (t) => {
  const directory = testDirectory(t);
  const ups: (() => void)[] = [];
  const registry = await openRegistry(
    { kind: 'own', program: 'docker-registry' },
    { directory, clock, log: silentLog, metrics: silentMetrics },
  );
  if (registry === undefined) throw new Error('docker-registry is not installed');
  registry.onUp(() => {
    for (const up of ups.splice(0)) up();
  });
  const up = () => (registry.isUp ? Promise.resolve() : new Promise<void>((resolve) => ups.push(resolve)));
  const grants = new RegistryGrants(systemClock);
  const proxy = new RegistryProxy({ upstream: registry, rights: grants, clock: systemClock, log: silentLog, metrics: silentMetrics });
  const rig = await startRig({ registry: proxy });
  const closers: (() => unknown)[] = [() => rig.close(), () => proxy.close(), () => registry.close()];
  t.teardown(async () => {
    for (const close of closers.toReversed()) await close();
  });
  await registry.start();
  await up();

  const clients = await dockerClients('/var/run/docker.sock');
  const docker = clients.calls;
  const movingNames = new MovingNames({ docker, log: silentLog });
  const node = async (nodeId: NodeId) => {
    const identity = await rig.node(nodeId);
    const dialer = grpcDialer({ identity: () => identity, clock, log: silentLog });
    const listener = await openRegistryListener({
      ...{ random: systemRandom, log: silentLog, metrics: silentMetrics },
      dial: () => dialer.registry(),
    });
    closers.push(
      () => dialer.close(),
      () => listener.close(),
    );
    return { listener, transfer: new ImageTransfer(clients, listener, movingNames) };
  };
  const [a, b] = [await node(A), await node(B)];
  const lose = () => docker.getImage(image).remove({ force: true });
  await makeBusyboxImage(image, { 'raworc.managed': 'true', 'raworc.build': build, 'raworc.image': 'space', 'raworc.cluster': cluster });
  closers.push(() => lose().catch(() => undefined));
  const { Id: id } = await docker.getImage(image).inspect();

  const push: Grant = { nodeId: A, image, repository: space, tag: build };
  t.match(reasonOf(await a.transfer.push({ image, repository: space, tag: build }, never)), /denied|not asked/, 'without a grant');
  const withdraw = grants.give(push);
  t.match(reasonOf(await a.transfer.push({ image, repository: space, tag: 'another' }, never)), /denied|not asked/, 'another tag');
  t.same(await a.transfer.push({ image, repository: space, tag: build }, never), { ok: true });
  withdraw();
  const { digest = '' } = push;
  t.match(digest, /^sha256:[0-9a-f]{64}$/, 'the controller saw the digest itself');

  t.comment('a node agent was killed during a push');
  const images = (clusterId: string) =>
    new DockerImages({ clients, owner: { clusterId, nodeId: A }, movingNames, cgroupParent: () => undefined });
  const left = `127.0.0.1:1/${space}`;
  const other = `${b.listener.host}/${space}`;
  for (const repo of [left, other]) await docker.getImage(image).tag({ repo, tag: build });
  t.ok((await images(cluster).list(never)).includes(image));
  await movingNames.idle();
  const tags = async () => (await docker.getImage(image).inspect()).RepoTags;
  t.notOk((await tags()).includes(`${left}:${build}`), 'its name is removed');
  t.ok((await tags()).includes(`${other}:${build}`), 'that of a node agent that runs is left to it');
  await docker.getImage(`${other}:${build}`).remove({ noprune: true });

  t.comment('a condemned image');
  t.equal(await images('another').remove(image, never), 'in-use', 'of another cluster');
  const container = await docker.createContainer({ Image: image, Cmd: ['true'] });
  t.equal(await images(cluster).remove(image, never), 'in-use', 'it has a container');
  await container.remove({ force: true });
  t.equal(await images(cluster).remove(image, never), 'removed');
  t.equal(await images(cluster).remove(image, never), 'removed', 'and repeating it changes nothing');

  const plan = { image, repository: space, digest };
  t.match(reasonOf(await b.transfer.pull(plan, never)), /denied|not asked/, 'a node that was not asked');
  const pull: Grant = { nodeId: B, image, repository: space };
  grants.give(pull);
  t.same(await b.transfer.pull(plan, never), { ok: true });
  const pulled = await docker.getImage(image).inspect();
  t.equal(pulled.Id, id);
  t.equal(pulled.Config.Labels?.['raworc.build'], build);
  const names = (await docker.listImages()).flatMap(({ RepoTags, RepoDigests }) => [...(RepoTags ?? []), ...(RepoDigests ?? [])]);
  t.same(
    names.filter((name) => name.includes(space)),
    [],
    'no name of the move is left',
  );

  t.comment('an index of images for several platforms');
  const indexes = await pushIndexes(registry, space, digest);
  await lose();
  t.same(await b.transfer.pull({ ...plan, digest: indexes.both }, never), { ok: true });
  t.equal((await docker.getImage(image).inspect()).Id, id, 'Docker takes the one for this platform');
  await lose();
  t.match(reasonOf(await b.transfer.pull({ ...plan, digest: indexes.other }, never)), /no match/, 'and no other');
  t.same(await b.transfer.pull(plan, never), { ok: true });

  t.comment('no other user of the host can use the listener');
  const [answer] = await once(get(`http://${b.listener.host}/v2/${space}/manifests/${digest}`), 'response');
  answer.resume();
  t.equal(answer.statusCode, 401);

  t.comment('the registry is killed, and comes back by itself');
  await lose();
  const pid = childOf(process.pid, 'docker-registry');
  process.kill(pid, 'SIGKILL');
  for (let outcome: MoveOutcome | undefined; outcome?.ok !== true; ) {
    outcome = await b.transfer.pull(plan, never);
    if (!outcome.ok) await up();
  }
  t.not(childOf(process.pid, 'docker-registry'), pid);

  t.comment('a layer is lost');
  await lose();
  await rm(join(directory, 'registry/storage/docker/registry/v2/blobs'), { recursive: true });
  t.match(reasonOf(await b.transfer.pull(plan, never)), /not found|unknown/);
  t.equal(pull.hasVanished, true, 'the controller saw it');
});

/** Returns the process id of a child with that program. */
function childOf(parent: number, program: string): number {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ').map(Number);
  const found = children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0]?.endsWith(`/${program}`));
  if (found === undefined) throw new Error(`no child runs ${program}`);
  return found;
}
