import t from 'tap';
import { type ContainerPlaces, containerOptions } from '../../../../node-agent/engine/docker/container.ts';

const PLAN = {
  ...{ sessionId: 'session', generation: 1, space: 'default', image: 'image', uid: 10_001, socketDirectory: '/run/s' },
  limits: { cpuMillis: 100, memoryBytes: 2 ** 28, diskBytes: 2 ** 30, processes: 100 },
};

function guest(models: ContainerPlaces['models']) {
  const places = { guest: '/guest', disk: '/disk', passwd: '/passwd', models };
  const { Env = [], HostConfig } = containerOptions({ clusterId: 'c', nodeId: 'n' }, PLAN, places);
  const mounts = HostConfig?.Mounts?.filter(({ Source }) => Source?.endsWith('.pem')) ?? [];
  return { env: Env.filter((one) => /PROXY|CERT|PIP|npm/.test(one)), mounts };
}

t.test('a guest calls models through the operator’s proxies, trusting their certificates; mirrors are for builds', (t) => {
  t.same(guest(undefined), { env: [], mounts: [] });
  t.same(guest({ certificates: undefined, environment: {} }), { env: [], mounts: [] });
  const environment = {
    HTTPS_PROXY: 'http://proxy:3128',
    https_proxy: 'http://proxy:3128',
    NO_PROXY: '10.0.0.5',
    PIP_INDEX_URL: 'https://pypi',
  };
  const { env, mounts } = guest({ certificates: '/etc/ca.pem', environment });
  t.same(env, [
    'NODE_EXTRA_CA_CERTS=/run/raworc-certificates.pem',
    'NODE_USE_ENV_PROXY=1',
    'HTTPS_PROXY=http://proxy:3128',
    'NO_PROXY=10.0.0.5',
  ]);
  t.match(mounts, [{ Source: '/etc/ca.pem', Target: '/run/raworc-certificates.pem', ReadOnly: true }]);
  t.end();
});
