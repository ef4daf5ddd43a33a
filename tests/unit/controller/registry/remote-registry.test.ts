import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import t from 'tap';
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
