/** Dependencies of a pyproject.toml, from a package index that only the operator's settings name. */
import t from 'tap';
import { CHAINS, parseEgress, TABLE } from '../../node-agent/domain/firewall-rules.ts';
import { dockerClients } from '../../node-agent/engine/docker/client.ts';
import { BRIDGE, ensureNetwork, SESSION_NETWORK } from '../../node-agent/engine/docker/network.ts';
import { Firewall } from '../../node-agent/engine/firewall/firewall.ts';
import { systemClock } from '../../seams/system.ts';
import { docker } from '../host/busybox.ts';
import { WHEEL, WHEEL_NAME } from '../host/wheel.ts';
import { silent } from '../unit/controller/core.ts';
import { type Agent, buildWorld } from './build-world.ts';
import { packageIndex } from './package-index.ts';

t.setTimeout(300_000);

const AGENT = (dependencies: readonly string[]): Agent => [
  ...(['project', 'PYTHON', 'main.process_message'] as const),
  {
    'main.py': 'from greeting import greet\ndef process_message(message, context):\n    return greet(message)\n',
    'pyproject.toml': `[project]\nname = "project"\nversion = "1"\ndependencies = ${JSON.stringify(dependencies)}\n`,
  },
];

t.test('a local index', async (t) => {
  const index = await packageIndex({ greeting: { name: WHEEL_NAME, content: WHEEL } });
  t.teardown(() => index.close());
  const { port, asked } = index;
  const { calls } = await dockerClients('/var/run/docker.sock');
  await ensureNetwork(calls, SESSION_NETWORK, new AbortController().signal);
  const gateway = await docker('network', 'inspect', SESSION_NETWORK.name, '--format', '{{(index .IPAM.Config 0).Gateway}}');
  const firewall = new Firewall({
    plan: {
      bridge: BRIDGE,
      table: TABLE,
      chains: CHAINS,
      closed: [],
      allowed: [],
      egress: [parseEgress(`${gateway}:${port}`) ?? []].flat(),
    },
    clock: systemClock,
    log: silent,
  });
  await firewall.apply();
  t.teardown(async () => {
    firewall.close();
    await firewall.remove();
  });
  const environment = { PIP_INDEX_URL: `http://${gateway}:${port}/simple`, PIP_TRUSTED_HOST: gateway };
  const { build, installs, close } = await buildWorld({ environment });
  t.teardown(close);

  const { image, report } = await build(AGENT(['greeting>=1']));
  t.match(report, { phase: 'BUILD_COMPLETED', error: '' });
  t.match(asked, ['/simple/greeting/', `/${WHEEL_NAME}`]);
  const there = await docker(
    'run',
    '--rm',
    '--entrypoint',
    'sh',
    image,
    '-c',
    'ls /opt/raworc/agents/project/.venv/lib/python3*/site-packages',
  );
  t.match(there, /^greeting/m);

  const again = await build(AGENT(['greeting>=1']));
  t.match(again.report, { phase: 'BUILD_COMPLETED' });
  t.same(installs, { installed: 1, reused: 1 });

  const missing = await build(AGENT(['nowhere']));
  t.match(missing.report, {
    phase: 'BUILD_FAILED',
    error: /pip install of the dependencies in pyproject\.toml failed for the agent project.*\n(.*\n)*.*nowhere/,
  });
});
