/** The stock image of workstations: made when it is first asked for, with packages from Debian's mirror. */
import t from 'tap';
import { startCluster } from '../cluster/harness.ts';
import { expect } from '../cluster/rest.ts';

const egress = process.env.RAWORC_ALLOW_EGRESS ?? '';

t.setTimeout(1_800_000);
t.test('the stock image is made for the first workstation, and installs with apt, pip and npm stay', async (t) => {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('RAWORC_BUILD_')));
  const nodes = [
    { name: 'node-1', env: { ...(env as Record<string, string>), ...(egress === '' ? {} : { RAWORC_ALLOW_EGRESS: egress }) } },
  ];
  const cluster = await startCluster(t, { nodes, env: { RAWORC_DEFAULT_PROFILES: 'locked,workstation' } });
  const { rest } = cluster;
  const { id } = (await rest.call('POST', '/sessions', { profile: 'workstation' })).body as { id: string };
  const reasons = new Set<unknown>();
  for (;;) {
    const made = (await rest.call('POST', `/sessions/${id}/resume?wait=5s`)).body as Record<string, unknown>;
    if (made.waiting_reason !== null) reasons.add(made.waiting_reason);
    if (made.state === 'idle') break;
    t.not(made.state, 'error', String(made.termination_reason));
    if (made.state === 'error') return;
  }
  t.match([...reasons], [/lacks the image raworc\/workstation:/], 'it waits with a reason');
  const run = async (command: string, user = 'user') =>
    (await rest.call('POST', `/sessions/${id}/exec`, { argv: ['bash', '-lc', command], user, timeout_ms: 600_000 })).body as object;
  const tools = ['git', 'curl', 'gcc', 'make', 'node', 'npm', 'python3', 'pip', 'sudo'];
  t.match(await run(`for tool in ${tools.join(' ')}; do command -v $tool || exit 1; done; sudo id -u; touch /usr/local/x /code/x`), {
    exit_code: 0,
    stdout: /\n0\n$/,
  });
  t.match(await run('sudo apt-get update -q && sudo apt-get install -y -q --no-install-recommends hello'), { exit_code: 0 });
  t.match(await run('python3 -m venv ~/venv && mkdir -p /code/p && cd /code/p && npm init -y && npm install --no-audit ms@2.1.3'), {
    exit_code: 0,
  });
  expect(await rest.call('POST', `/sessions/${id}/suspend`), 200, 'suspend');
  t.match(await rest.call('POST', `/sessions/${id}/resume?wait=120s`), { body: { state: 'idle' } });
  t.match(await run('hello && ~/venv/bin/python -c "print(1)" && node -e "console.log(require(\'/code/p/node_modules/ms\')(\'1s\'))"'), {
    stdout: 'Hello, world!\n1\n1000\n',
  });
});
