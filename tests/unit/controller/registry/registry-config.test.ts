/** The storage of the controller's own registry: its directory, or a bucket. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openRegistry } from '../../../../controller/registry/open-registry.ts';
import { registryConfig, registryEnvironment } from '../../../../controller/registry/registry-config.ts';
import { readRegistrySettings } from '../../../../controller/settings/registry-settings.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemClock } from '../../../../seams/system.ts';
import { testDirectory } from '../../../test-directory.ts';
import { silent } from '../core.ts';

const CREDENTIALS = { accessKey: 'AKEXAMPLE', secretKey: 'not-to-be-seen' };
const S3 = { bucket: 'images', region: 'eu-central-1', endpoint: undefined, prefix: 'a/b', credentials: CREDENTIALS };

t.test('the configuration names the storage, and never a credential', async (t) => {
  t.match(JSON.parse(registryConfig('/data', undefined, false)), {
    storage: { filesystem: { rootdirectory: '/data/storage' }, delete: { enabled: true }, redirect: { disable: true } },
  });
  const text = registryConfig('/data', { ...S3, endpoint: new URL('http://minio:9000/') }, true);
  const { storage } = JSON.parse(text);
  t.same(storage.s3, {
    bucket: 'images',
    region: 'eu-central-1',
    rootdirectory: '/a/b',
    regionendpoint: 'http://minio:9000',
    secure: false,
  });
  t.notOk('filesystem' in storage);
  t.match(storage.maintenance, { readonly: { enabled: true }, uploadpurging: { enabled: false } });
  t.notMatch(text, /AKEXAMPLE|not-to-be-seen/);
});

t.test('the registry gets its credentials from the environment, and none of the controller', async (t) => {
  const own = { PATH: '/bin', HOME: '/root', RAWORC_ADMIN_PASSWORD: 'x', AWS_SECRET_ACCESS_KEY: 'of the controller' };
  t.same(registryEnvironment(undefined, own), { PATH: '/bin' });
  t.same(registryEnvironment(S3, own), { PATH: '/bin', AWS_ACCESS_KEY_ID: 'AKEXAMPLE', AWS_SECRET_ACCESS_KEY: 'not-to-be-seen' });
  t.same(registryEnvironment({ ...S3, credentials: undefined }, own), { PATH: '/bin', HOME: '/root' });
});

t.test('settings of a bucket are complete or refused', async (t) => {
  const directory = testDirectory(t, { key: 'not-to-be-seen\n' });
  const bucket = { RAWORC_REGISTRY_S3_BUCKET: 'images' };
  t.match(readRegistrySettings({ ...bucket }), { kind: 'own', s3: { bucket: 'images', region: 'us-east-1', prefix: 'raworc' } });
  const keys = { RAWORC_REGISTRY_S3_ACCESS_KEY: 'AKEXAMPLE', RAWORC_REGISTRY_S3_SECRET_KEY_FILE: join(directory, 'key') };
  t.match(readRegistrySettings({ ...bucket, ...keys }), { s3: { credentials: CREDENTIALS } });
  for (const [env, reason] of [
    [{ RAWORC_REGISTRY_S3_REGION: 'x' }, /REGION has no effect without RAWORC_REGISTRY_S3_BUCKET/],
    [{ RAWORC_REGISTRY_S3_BUCKET: 'Not_a bucket' }, /name of a bucket/],
    [{ ...bucket, RAWORC_REGISTRY_S3_ACCESS_KEY: 'AKEXAMPLE' }, /set together/],
    [{ ...bucket, RAWORC_REGISTRY_S3_PREFIX: '/x/' }, /without leading/],
    [{ ...bucket, RAWORC_REGISTRY_S3_ENDPOINT: 'https://user:x@s3' }, /without a login/],
    [{ ...bucket, RAWORC_REGISTRY_URL: 'https://r' }, /exclude each other/],
  ] as const)
    t.throws(() => readRegistrySettings({ ...env }), reason);
});

t.test('the registry asks the bucket with these credentials, which are in no file and no argument', async (t) => {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    response.writeHead(404, { 'content-type': 'application/xml' }).end('<Error><Code>NoSuchKey</Code></Error>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const directory = mkdtempSync(join(tmpdir(), 'raworc-s3-'));
  const up = Promise.withResolvers<void>();
  const registry = await openRegistry(
    { kind: 'own', program: 'docker-registry', s3: { ...S3, endpoint } },
    { directory, clock: systemClock, log: silent, metrics: silentMetrics },
  );
  if (registry === undefined) throw new Error('docker-registry is not installed');
  t.teardown(async () => {
    await registry.close();
    server.close();
    server.closeAllConnections();
    rmSync(directory, { recursive: true, force: true });
  });
  registry.onUp(up.resolve);
  await registry.start();
  await up.promise;
  t.equal(await registry.lacks('raworc/base', `sha256:${'d'.repeat(64)}`), true);
  const [first] = asked;
  t.match(first?.url, /images/);
  t.match(first?.url, /a(?:%2F|\/)b(?:%2F|\/)docker(?:%2F|\/)registry/);
  t.match(first?.headers.authorization, /^AWS4-HMAC-SHA256 Credential=AKEXAMPLE\/\d+\/eu-central-1\/s3/);
  t.equal(await registry.repair?.(`sha256:${'d'.repeat(64)}`), false, 'a bucket verifies what it stores');
  t.same(readdirSync(join(directory, 'registry')).sort(), ['config.yml', 'registry.sock'], 'no storage beside it');
  t.notMatch(readFileSync(join(directory, 'registry/config.yml'), 'utf8'), /not-to-be-seen/);
});
