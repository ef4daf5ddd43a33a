/** The registry that the controller starts gives back the space of removed images, and keeps serving the others. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { access, writeFile } from 'node:fs/promises';
import type { ClientRequest, IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type OpenRegistry, openRegistry } from '../../../../controller/registry/open-registry.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemClock } from '../../../../seams/system.ts';
import { silent } from '../core.ts';

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

const there = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

async function world(t: Test) {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-registry-'));
  const logged: string[] = [];
  const note = (event: string) => void logged.push(event);
  const log = { ...silent, info: note, warn: note, error: note };
  const registry = await openRegistry(
    { kind: 'own', program: 'docker-registry' },
    { directory, clock: systemClock, log, metrics: silentMetrics },
  );
  if (registry === undefined) throw new Error('docker-registry is not installed');
  let up = Promise.withResolvers<void>();
  registry.onUp(() => up.resolve());
  const isUp = async () => {
    while (!registry.isUp) {
      up = Promise.withResolvers();
      await up.promise;
    }
  };
  await registry.start();
  t.teardown(async () => {
    await registry.close();
    rmSync(directory, { recursive: true, force: true });
  });
  await isUp();
  const blob = (digest: string) =>
    join(directory, 'registry/storage/docker/registry/v2/blobs/sha256', digest.slice(7, 9), digest.slice(7), 'data');
  return {
    registry,
    isUp,
    logged,
    pathOf: (bytes: Buffer) => blob(digestOf(bytes)),
    hasBlob: (bytes: Buffer) => there(blob(digestOf(bytes))),
  };
}

function answered(made: ClientRequest, body?: Buffer): Promise<{ readonly status: number; readonly headers: IncomingHttpHeaders }> {
  return new Promise((resolve, reject) => {
    made.on('error', reject);
    made.on('response', (answer) => {
      answer.resume();
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers }));
    });
    made.end(body);
  });
}

async function upload(registry: OpenRegistry, repository: string, bytes: Buffer): Promise<number> {
  const begun = await answered(registry.request('POST', `/v2/${repository}/blobs/uploads/`, {}));
  if (begun.status !== 202) return begun.status;
  const path = `${begun.headers.location}&digest=${encodeURIComponent(digestOf(bytes))}`;
  return (await answered(registry.request('PUT', path, { 'content-length': String(bytes.length) }), bytes)).status;
}

/** Pushes an image of one layer. Returns the digest of its manifest. */
async function push(registry: OpenRegistry, repository: string, layer: Buffer): Promise<string> {
  const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', of: digestOf(layer) }));
  for (const bytes of [layer, config]) if ((await upload(registry, repository, bytes)) !== 201) throw new Error('not uploaded');
  const part = (mediaType: string, bytes: Buffer) => ({ mediaType, size: bytes.length, digest: digestOf(bytes) });
  const manifest = Buffer.from(
    JSON.stringify({
      ...{ schemaVersion: 2, mediaType: MANIFEST, config: part('application/vnd.docker.container.image.v1+json', config) },
      layers: [part('application/vnd.docker.image.rootfs.diff.tar.gzip', layer)],
    }),
  );
  const digest = digestOf(manifest);
  const put = await answered(
    registry.request('PUT', `/v2/${repository}/manifests/${digest.slice(7, 20)}`, { 'content-type': MANIFEST }),
    manifest,
  );
  if (put.status !== 201) throw new Error(`the manifest was answered with ${put.status}`);
  return digest;
}

/** Pushes an index of images that are there. Returns its digest. */
async function pushIndex(registry: OpenRegistry, repository: string, images: readonly string[]): Promise<string> {
  const list = 'application/vnd.docker.distribution.manifest.list.v2+json';
  const manifests = await Promise.all(
    images.map(async (digest, at) => {
      const { headers } = await answered(registry.request('GET', `/v2/${repository}/manifests/${digest}`, { accept: MANIFEST }));
      const platform = { os: 'linux', architecture: at === 0 ? 'amd64' : 'arm64' };
      return { mediaType: MANIFEST, digest, size: Number(headers['content-length']), platform };
    }),
  );
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: list, manifests }));
  const put = await answered(registry.request('PUT', `/v2/${repository}/manifests/several`, { 'content-type': list }), index);
  if (put.status !== 201) throw new Error(`the index was answered with ${put.status}`);
  return digestOf(index);
}

const has = async (registry: OpenRegistry, repository: string, digest: string) =>
  (await answered(registry.request('GET', `/v2/${repository}/manifests/${digest}`, { accept: MANIFEST }))).status === 200;

t.test('layers of removed images go, layers that others share stay, and pushes work afterwards', async (t) => {
  const { registry, isUp, logged, hasBlob } = await world(t);
  const [old, shared, fresh] = ['old', 'shared', 'fresh'].map((name) => Buffer.from(name.repeat(1000))) as [Buffer, Buffer, Buffer];
  const removed = await push(registry, 'spaces/a', old);
  const twin = await push(registry, 'spaces/a', shared);
  const kept = await push(registry, 'spaces/b', shared);
  t.equal(await registry.removeManifest('spaces/a', removed), 'removed');
  t.equal(await registry.removeManifest('spaces/a', twin), 'removed');
  t.equal(await registry.removeManifest('spaces/a', removed), 'removed', 'and repeating it changes nothing');
  t.ok(await hasBlob(old), 'a removed manifest frees nothing yet');

  registry.collect(false);
  while (!logged.includes('registry.collected') && !logged.includes('registry.not_collected'))
    await new Promise((resolve) => setImmediate(resolve));
  await isUp();
  t.notOk(await hasBlob(old));
  t.ok(await hasBlob(shared));
  t.ok(await has(registry, 'spaces/b', kept));
  t.notOk(registry.isReadOnly);
  t.ok(await has(registry, 'spaces/a', await push(registry, 'spaces/a', fresh)));
  t.ok(await has(registry, 'spaces/a', await push(registry, 'spaces/a', old)), 'also of layers that went');
  t.notOk(logged.includes('registry.ended'), 'a restart on purpose is no alarm');
});

t.test('an index goes with its images, and a damaged layer of one of them is found', async (t) => {
  const { registry, isUp, logged, hasBlob, pathOf } = await world(t);
  const [first, second] = [Buffer.from('first'.repeat(1000)), Buffer.from('second'.repeat(1000))];
  const images = [await push(registry, 'spaces/a', first), await push(registry, 'spaces/a', second)];
  const index = await pushIndex(registry, 'spaces/a', images);
  t.equal(await registry.lacks('spaces/a', index), false);
  await writeFile(pathOf(second), 'damaged');
  t.equal(await registry.repair?.(index), true);
  t.equal(await registry.lacks('spaces/a', index), true);
  t.equal(await registry.removeManifest('spaces/a', index), 'removed');
  for (const digest of images) t.notOk(await has(registry, 'spaces/a', digest));
  registry.collect(false);
  while (!logged.includes('registry.collected') && !logged.includes('registry.not_collected'))
    await new Promise((resolve) => setImmediate(resolve));
  await isUp();
  t.notOk(await hasBlob(first));
});

t.test('an index that names the manifest of another image does not take it along', async (t) => {
  const { registry } = await world(t);
  const [own, other] = [await push(registry, 'spaces/a', Buffer.from('own')), await push(registry, 'spaces/a', Buffer.from('other'))];
  const index = await pushIndex(registry, 'spaces/a', [own, other]);
  t.equal(await registry.removeManifest('spaces/a', index, (digest) => digest === other), 'removed');
  t.notOk(await has(registry, 'spaces/a', own));
  t.ok(await has(registry, 'spaces/a', other));
});

t.test('a damaged layer is found once a pull failed, and the image can be pushed again', async (t) => {
  const { registry, hasBlob, pathOf, logged } = await world(t);
  const [layer, other] = [Buffer.from('layer'.repeat(1000)), Buffer.from('other'.repeat(1000))];
  const digest = await push(registry, 'spaces/a', layer);
  const intact = await push(registry, 'spaces/a', other);
  t.equal(await registry.repair?.(intact), false);
  await writeFile(pathOf(layer), 'damaged');
  t.equal(await registry.repair?.(digest), true);
  t.notOk(await hasBlob(layer));
  t.ok(logged.includes('registry.damaged'));
  t.equal(await registry.repair?.(digest), false, 'not again at once');
  t.equal(await push(registry, 'spaces/a', layer), digest);
  t.ok(await hasBlob(layer));
});
