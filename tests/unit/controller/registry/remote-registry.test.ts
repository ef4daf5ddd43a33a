import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import t from 'tap';
import { BearerTokens } from '../../../../controller/registry/bearer-tokens.ts';
import { RemoteRegistry } from '../../../../controller/registry/remote-registry.ts';
import { readRegistrySettings } from '../../../../controller/settings/registry-settings.ts';
import { systemClock } from '../../../../seams/system.ts';
import { silentLog } from '../grpc/wire-rig.ts';
import { FakeRegistry } from './fake-registry.ts';

t.test(
  "the operator's registry: its login, its first part of every name, and clients stay on the way through the controller",
  async (t) => {
    const fake = new FakeRegistry();
    await fake.start();
    t.teardown(() => fake.close());
    const ups: boolean[] = [];
    const up = Promise.withResolvers<void>();
    const remote = new RemoteRegistry({
      ...{ url: new URL(`http://127.0.0.1:${fake.port}/team`), user: 'us', password: 'secret', clock: systemClock, log: silentLog },
      changed(isUp) {
        ups.push(isUp);
        up.resolve();
      },
    });
    t.teardown(() => remote.close());
    await remote.start();
    await up.promise;
    t.same(ups, [true]);
    t.equal(remote.isUp, true);
    const asked = remote.request('POST', '/v2/raworc/base/blobs/uploads/', { host: '127.0.0.1:1', 'user-agent': 'docker' });
    asked.end();
    const [answer]: IncomingMessage[] = await once(asked, 'response');
    answer?.resume();
    t.equal(remote.located(answer?.headers.location ?? ''), '/v2/raworc/base/blobs/uploads/upload-1');
    const { url, headers } = fake.asked.at(-1) ?? {};
    t.equal(url, '/v2/team/raworc/base/blobs/uploads/');
    t.match(headers, { authorization: `Basic ${btoa('us:secret')}`, host: `127.0.0.1:${fake.port}`, 'user-agent': 'docker' });
    t.equal(remote.located(`http://127.0.0.1:${fake.port}/v2/team/raworc/base/x?a=b`), '/v2/raworc/base/x?a=b');
    t.equal(remote.located('https://storage.example/x?signature=1'), 'https://storage.example/x?signature=1');
  },
);

t.test('a registry that demands tokens gets one for each repository, from the service that it names', async (t) => {
  const fake = new FakeRegistry();
  await fake.start();
  t.teardown(() => fake.close());
  const valid = new Set<string>();
  let issued = 0;
  fake.answer = (request, response) => {
    request.resume();
    const url = new URL(request.url ?? '', 'http://registry');
    if (url.pathname === '/token') {
      issued += 1;
      const token = `token-${issued}`;
      valid.add(`${url.searchParams.get('scope') ?? ''} Bearer ${token}`);
      return void response.end(JSON.stringify({ token, expires_in: 300 }));
    }
    const [, repository] = /^\/v2\/(.+)\/(?:manifests|blobs)\//.exec(url.pathname) ?? [];
    const scope = repository === undefined ? '' : `repository:${repository}:pull,push,delete`;
    if (valid.has(`${scope} ${request.headers.authorization}`))
      return void response.writeHead(request.method === 'DELETE' ? 202 : 200).end();
    const challenge = `Bearer realm="http://127.0.0.1:${fake.port}/token",service="registry.test",scope="x"`;
    response.writeHead(401, { 'www-authenticate': challenge }).end();
  };
  const up = Promise.withResolvers<void>();
  const remote = new RemoteRegistry({
    ...{ url: new URL(`http://127.0.0.1:${fake.port}/team`), user: 'us', password: 'secret', clock: systemClock, log: silentLog },
    changed: () => up.resolve(),
  });
  t.teardown(() => remote.close());
  await remote.start();
  await up.promise;
  t.ok(remote.isUp);
  const token = fake.asked.find(({ url }) => url.startsWith('/token'));
  t.match(
    token,
    { url: /service=registry\.test/, headers: { authorization: `Basic ${btoa('us:secret')}` } },
    'the login goes to the service only now',
  );
  const path = '/v2/raworc/base/manifests/x';
  const status = async () => {
    await remote.prepare(path);
    const asked = remote.request('GET', path, {});
    asked.end();
    const [answer]: IncomingMessage[] = await once(asked, 'response');
    answer?.resume();
    return answer?.statusCode;
  };
  t.equal(await status(), 200);
  const count = issued;
  t.equal(await status(), 200);
  t.equal(issued, count, 'a token is used again');
  valid.clear();
  t.equal(await status(), 401);
  remote.unauthorized(path);
  t.equal(await status(), 200, 'and replaced when it was refused');
  t.equal(await remote.removeManifest('raworc/base', 'sha256:0'), 'removed');
});

t.test('a login is not sent to a service without encryption, while the registry has it', async (t) => {
  const tokens = new BearerTokens({ basic: 'Basic x', clock: systemClock });
  const registry = new URL('https://registry.test');
  t.notOk(tokens.challenged('Bearer realm="http://auth.test/token"', registry));
  t.notOk(tokens.challenged('Basic realm="registry"', registry));
  t.notOk(tokens.challenged(undefined, registry));
  t.ok(tokens.challenged('Bearer realm="https://auth.test/token"', registry));
});

t.test('at most 1,000 tokens are kept, and the oldest is requested again', async (t) => {
  const fake = new FakeRegistry();
  await fake.start();
  t.teardown(() => fake.close());
  fake.answer = (request, response) => {
    request.resume();
    response.end(JSON.stringify({ access_token: 'token', expires_in: 300 }));
  };
  const tokens = new BearerTokens({ basic: undefined, clock: systemClock });
  const origin = `http://127.0.0.1:${fake.port}`;
  t.ok(tokens.challenged(`Bearer realm="${origin}/token"`, new URL(origin)));
  for (let at = 0; at <= 1000; at += 1) await tokens.bring(`scope-${at}`);
  t.equal(tokens.header('scope-0'), undefined);
  t.equal(tokens.header('scope-1000'), 'Bearer token');
  await tokens.bring('scope-0');
  t.equal(tokens.header('scope-0'), 'Bearer token');
});

t.test('settings choose the registry, and a password in a URL is refused', async (t) => {
  t.same(readRegistrySettings({}), { kind: 'own', program: 'docker-registry' });
  t.same(readRegistrySettings({ RAWORC_REGISTRY: 'off', RAWORC_REGISTRY_URL: 'https://r' }), { kind: 'off' });
  t.match(readRegistrySettings({ RAWORC_REGISTRY_URL: 'https://r/x', RAWORC_REGISTRY_USER: 'u', RAWORC_REGISTRY_PASSWORD: 'p' }), {
    ...{ kind: 'url', user: 'u', password: 'p' },
  });
  for (const url of ['https://u:p@r', 'registry', 'ftp://r', 'https://r?x=1'])
    t.throws(() => readRegistrySettings({ RAWORC_REGISTRY_URL: url }), /RAWORC_REGISTRY_URL must be/);
  t.throws(() => readRegistrySettings({ RAWORC_REGISTRY: 'yes' }), /on or off/);
});
