/** From the engine's side of the node agent's listener, over mTLS, to a registry behind the controller. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import type { NodeId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { accepted, refused } from '../../../../controller/domain/engine/outcome.ts';
import { BASE_REPOSITORY, repositoryOf } from '../../../../controller/domain/images/repository.ts';
import { RegistryProxy } from '../../../../controller/registry/registry-proxy.ts';
import { type Grant, RegistryGrants } from '../../../../controller/services/images/registry-grants.ts';
import { grpcDialer } from '../../../../node-agent/control/grpc-dialer.ts';
import { openRegistryListener } from '../../../../node-agent/images/registry-listener.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemClock, systemRandom } from '../../../../seams/system.ts';
import { silentLog, startRig } from '../grpc/wire-rig.ts';
import { FakeRegistry } from './fake-registry.ts';

const A = 'a0000000-0000-4000-8000-000000000001' as NodeId;
const B = 'b0000000-0000-4000-8000-000000000002' as NodeId;
const space = repositoryOf('50000000-0000-4000-8000-000000000005' as SpaceId);
const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

async function path(t: Test) {
  const registry = new FakeRegistry();
  await registry.start();
  const grants = new RegistryGrants(systemClock);
  const disk = { isTight: false };
  const proxy = new RegistryProxy({
    ...{ upstream: registry, rights: grants, clock: systemClock, log: silentLog, metrics: silentMetrics },
    isTight: () => disk.isTight,
  });
  const revoked = new Set<string>();
  const admit = ({ nodeId }: { readonly nodeId: string }) => (revoked.has(nodeId) ? refused('FORBIDDEN', 'revoked') : accepted(undefined));
  const rig = await startRig({ registry: proxy, admit });
  t.teardown(async () => {
    proxy.close();
    await rig.close();
    await registry.close();
  });
  const node = async (id: NodeId) => {
    const identity = await rig.node(id);
    const dialer = grpcDialer({ identity: () => identity, clock: systemClock, log: silentLog });
    const listener = await openRegistryListener({
      ...{ random: systemRandom, log: silentLog, metrics: silentMetrics },
      dial: () => dialer.registry(),
    });
    t.teardown(async () => {
      await listener.close();
      dialer.close();
    });
    const { username, password } = listener.login;
    const own = `${username}:${password}`;
    return async (method: string, url: string, body?: Buffer, auth: string | undefined = own, headers: OutgoingHttpHeaders = {}) => {
      const asked = request(`http://${listener.host}${url}`, { method, headers, agent: false, ...(auth === '' ? {} : { auth }) });
      // Of a connection that ends after the answer, while the body is still being sent.
      asked.on('error', () => undefined);
      asked.end(body);
      const [answer]: IncomingMessage[] = await once(asked, 'response');
      if (answer === undefined) throw new Error('no answer');
      return { status: answer.statusCode, headers: answer.headers, body: await buffer(answer) };
    };
  };
  return { registry, grants, proxy, revoked, disk, a: await node(A), b: await node(B) };
}

t.test('an image travels from one node to another, each with the right to exactly that', async (t) => {
  const { registry, grants, a, b } = await path(t);
  const layer = randomBytes(5 * 1024 * 1024);
  const upload = `/v2/${space}/blobs/uploads/upload-1`;
  t.equal((await a('POST', `/v2/${space}/blobs/uploads/`)).status, 403, 'nobody asked it to push');
  const push: Grant = { nodeId: A, image: 'x', repository: space, tag: 'build-1' };
  const withdraw = grants.give(push);
  t.equal((await a('POST', `/v2/${space}/blobs/uploads/`)).headers.location, upload);
  t.equal((await a('PATCH', upload, layer)).status, 201);
  t.ok(registry.objects.get(upload)?.equals(layer), 'every byte arrived');
  const manifest = randomBytes(100);
  t.equal((await a('PUT', `/v2/${space}/manifests/other`, manifest)).status, 403, 'another tag');
  t.equal(push.digest, undefined);
  t.equal((await a('PUT', `/v2/${space}/manifests/build-1`, manifest)).status, 201);
  t.equal(push.digest, digestOf(manifest), 'the controller takes the digest from the registry');
  withdraw();
  t.equal((await a('PATCH', upload, manifest)).status, 403, 'after the push');

  const blob = `/v2/${space}/blobs/${digestOf(layer)}`;
  registry.objects.set(blob, layer);
  t.equal((await b('GET', blob)).status, 403, 'nobody asked it to pull');
  const pull: Grant = { nodeId: B, image: 'x', repository: space };
  grants.give(pull);
  t.ok((await b('GET', blob)).body.equals(layer));
  t.equal((await b('HEAD', blob)).headers['content-length'], String(layer.byteLength));
  t.equal((await a('GET', blob)).status, 403, 'the grant is of one node');
  t.equal((await b('PUT', `/v2/${space}/manifests/build-1`, manifest)).status, 403, 'and for pulling only');
  t.equal((await b('GET', `/v2/${repositoryOf('other' as SpaceId)}/blobs/${digestOf(layer)}`)).status, 403, 'of one space');
  t.notOk(pull.hasVanished);
  t.equal((await b('GET', `/v2/${space}/blobs/${digestOf(manifest)}`)).status, 404);
  t.ok(pull.hasVanished);
  t.ok(
    registry.asked.every(({ headers }) => headers.authorization === undefined),
    "the engine's password stays on its host",
  );
});

t.test('an index travels as Docker with the image store of containerd moves it: its manifests by digest, itself by tag', async (t) => {
  const { grants, a, b } = await path(t);
  const [child, index] = [randomBytes(100), randomBytes(100)];
  const [byDigest, byTag] = [`/v2/${space}/manifests/${digestOf(child)}`, `/v2/${space}/manifests/build-1`];
  for (const url of [byDigest, byTag]) t.equal((await a('HEAD', url)).status, 403, 'nobody asked it to push');
  t.equal((await a('PUT', byDigest, child)).status, 403);
  const push: Grant = { nodeId: A, image: 'x', repository: space, tag: 'build-1' };
  grants.give(push);
  for (const url of [byDigest, byTag]) t.equal((await a('HEAD', url)).status, 404, 'a look that any other answer would end');
  t.equal((await a('PUT', byDigest, child)).status, 201);
  t.equal(push.digest, undefined, 'a part is not the image');
  t.equal((await a('PUT', byTag, index)).status, 201);
  t.equal(push.digest, digestOf(index));

  const pull: Grant = { nodeId: B, image: 'x', repository: space };
  grants.give(pull);
  t.ok((await b('GET', byDigest)).body.equals(child));
  t.equal((await b('PUT', byDigest, child)).status, 403, 'who pulls pushes nothing');
  t.notOk(pull.hasVanished);
  t.equal((await b('HEAD', `/v2/${space}/manifests/${digestOf(index)}`)).status, 404, 'which the fake does not keep by digest');
  t.ok(pull.hasVanished);
});

t.test('without its password nobody uses the listener, and a revoked node reaches nothing', async (t) => {
  const { registry, revoked, a } = await path(t);
  const base = `/v2/${BASE_REPOSITORY}/manifests/${digestOf(Buffer.from('x'))}`;
  registry.objects.set(base, Buffer.from('x'));
  const asked = await a('GET', base, undefined, '');
  t.equal(asked.status, 401);
  t.match(asked.headers['www-authenticate'], /^Basic /, 'as engines expect it');
  t.equal((await a('GET', base, undefined, 'raworc:wrong')).status, 401);
  t.equal(registry.asked.length, 0);
  t.equal((await a('GET', base)).status, 200, 'every node can pull base images');
  revoked.add(A);
  t.equal((await a('GET', base)).status, 503);
  t.equal(registry.asked.length, 1);
});

t.test('a layer of another space is uploaded, not mounted', async (t) => {
  const { registry, grants, a } = await path(t);
  grants.give({ nodeId: A, image: 'x', repository: space, tag: 'build-1' });
  const upload = `/v2/${space}/blobs/uploads/`;
  const digest = digestOf(Buffer.from('x'));
  for (const from of [repositoryOf('other' as SpaceId), BASE_REPOSITORY]) await a('POST', `${upload}?mount=${digest}&from=${from}`);
  t.same(
    registry.asked.map(({ url }) => url),
    [upload, `${upload}?mount=${digest}&from=${BASE_REPOSITORY}`],
  );
  const form = Buffer.from(`mount=${encodeURIComponent(digest)}&from=${repositoryOf('other' as SpaceId)}`);
  await a('POST', upload, form, undefined, { 'content-type': 'application/x-www-form-urlencoded' });
  t.equal(registry.asked.at(-1)?.headers['content-type'], undefined, 'the registry must not read the body as a form');
  await a('PATCH', `${upload}u`, form, undefined, { 'content-type': 'application/octet-stream' });
  t.equal(registry.asked.at(-1)?.headers['content-type'], 'application/octet-stream');
});

t.test('a disk without room takes no more of an image, and gives what it has', async (t) => {
  const { registry, grants, disk, a } = await path(t);
  grants.give({ nodeId: A, image: 'x', repository: space, tag: 'build-1' });
  const upload = `/v2/${space}/blobs/uploads/u`;
  const reached = Promise.withResolvers<number>();
  registry.answer = (request, response) => {
    let taken = 0;
    request.on('data', (part: Buffer) => {
      taken += part.byteLength;
      disk.isTight = true;
    });
    response.once('close', () => reached.resolve(taken));
  };
  const body = randomBytes(32 * 1024 * 1024);
  // The answer can be lost with the rest of the body.
  const status = await a('PATCH', upload, body).then(
    (answer) => answer.status,
    () => 503,
  );
  t.equal(status, 503);
  t.ok((await reached.promise) < body.byteLength / 2, 'an upload in progress ends');
  registry.answer = undefined;
  const asked = registry.asked.length;
  for (const [method, url] of [
    ['POST', `/v2/${space}/blobs/uploads/`],
    ['PATCH', upload],
    ['PUT', `/v2/${space}/manifests/build-1`],
  ] as const)
    t.equal((await a(method, url, Buffer.from('x'))).status, 503, method);
  t.equal(registry.asked.length, asked);
  const base = `/v2/${BASE_REPOSITORY}/manifests/${digestOf(Buffer.from('x'))}`;
  registry.objects.set(base, Buffer.from('x'));
  t.equal((await a('GET', base)).status, 200);
  t.equal((await a('GET', '/v2/')).status, 200);
});

t.test('a registry that dies in the middle ends the transfer on every side', async (t) => {
  const { registry, grants, a } = await path(t);
  grants.give({ nodeId: A, image: 'x', repository: space });
  registry.answer = (_, response) => {
    response.writeHead(200, { 'content-length': 1000 });
    response.write('half', () => response.destroy());
  };
  await t.rejects(a('GET', `/v2/${space}/blobs/${digestOf(Buffer.from('x'))}`), /aborted/);
  registry.answer = (_, response) => void response.destroy();
  t.equal((await a('GET', `/v2/${space}/blobs/${digestOf(Buffer.from('x'))}`)).status, 503);
  registry.answer = undefined;
  t.equal((await a('GET', '/v2/')).status, 200, 'the next request is served');
});

t.test('a reader that does not read holds back the registry', async (t) => {
  const { registry, grants, a } = await path(t);
  grants.give({ nodeId: A, image: 'x', repository: space, tag: 'build-1' });
  let taken = 0;
  const held = Promise.withResolvers<() => void>();
  registry.answer = (request, response) => {
    request.once('data', (first: Buffer) => {
      taken += first.byteLength;
      request.pause();
      held.resolve(() => {
        request.on('data', (more: Buffer) => {
          taken += more.byteLength;
        });
        request.on('end', () => response.writeHead(201).end());
        request.resume();
      });
    });
  };
  const body = randomBytes(32 * 1024 * 1024);
  const answer = a('PATCH', `/v2/${space}/blobs/uploads/u`, body);
  const goOn = await held.promise;
  t.ok(taken < body.byteLength / 4, `the registry has read ${taken} bytes`);
  goOn();
  t.equal((await answer).status, 201);
  t.equal(taken, body.byteLength);
});
