import { createHash } from 'node:crypto';
import t, { type Test } from 'tap';
import { lacks } from '../../../../controller/registry/missing-parts.ts';
import { FakeRegistry } from './fake-registry.ts';

const REPOSITORY = 'raworc/spaces/s';
const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

async function image(t: Test, parts: number) {
  const registry = new FakeRegistry();
  await registry.start();
  t.teardown(() => registry.close());
  const put = (kind: 'blobs' | 'manifests', bytes: Buffer) => {
    const url = `/v2/${REPOSITORY}/${kind}/${digestOf(bytes)}`;
    registry.objects.set(url, bytes);
    return { url, digest: digestOf(bytes) };
  };
  const [config, ...layers] = Array.from({ length: parts }, (_, part) => put('blobs', Buffer.from(`part ${part}`)));
  const manifest = put('manifests', Buffer.from(JSON.stringify({ config, layers })));
  const index = put('manifests', Buffer.from(JSON.stringify({ manifests: [manifest] })));
  return { registry, config, layers, manifest, index, lacks: (digest: string) => lacks(registry, REPOSITORY, digest) };
}

t.test('whether the registry lacks an image: its manifest, its configuration or a layer, also by an index', async (t) => {
  const { registry, config, layers, manifest, index, lacks } = await image(t, 3);
  t.equal(await lacks(manifest.digest), false);
  t.equal(await lacks(index.digest), false);
  for (const part of [config, layers.at(-1), manifest]) {
    if (part === undefined) throw new Error('no such part');
    const kept = registry.objects.get(part.url);
    registry.objects.delete(part.url);
    t.equal(await lacks(manifest.digest), true);
    t.equal(await lacks(index.digest), true);
    if (kept !== undefined) registry.objects.set(part.url, kept);
  }
  t.equal(await lacks(manifest.digest), false);
});

t.test('a registry that does not say, and a manifest with too many parts, prove nothing', async (t) => {
  const { registry, manifest, lacks } = await image(t, 1000);
  await t.rejects(lacks(manifest.digest), /more than 256 parts/);
  for (const status of [401, 403, 503]) {
    registry.answer = (_, response) => void response.writeHead(status).end();
    await t.rejects(lacks(manifest.digest), new RegExp(`status ${status}`));
  }
  registry.answer = (_, response) => void response.destroy();
  await t.rejects(lacks(manifest.digest));
});
