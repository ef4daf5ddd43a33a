import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { modelServer } from '../models/model-server.ts';
import { deploy, writeAgent } from './agents.ts';
import { agentUser, containersOf, docker, execIn } from './docker.ts';
import { startCluster } from './harness.ts';
import { expect } from './rest.ts';

const run = promisify(execFile);

const AGENT = `
import hashlib, os

def process_message(message, context):
    value = os.environ.get("API_KEY", "")
    return f"pid={os.getpid()} length={len(value)} sha={hashlib.sha256(value.encode()).hexdigest()[:12]} path={os.environ['RAWORC_SESSION_DIR']}"
`;

const FIRST = 'first-value-that-is-nowhere-else';
const SECOND = 'second-value-that-is-nowhere-else-either';

/** Prints the groups of all processes in the container; the largest is an agent's. */
const GROUPS = "sed -n 's/^Gid:\\t\\([0-9]*\\).*/\\1/p' /proc/[0-9]*/status";
/** Prints the readable environments of all processes in the container. */
const ENVIRONMENTS = 'cat /proc/[0-9]*/environ 2>/dev/null | tr "\\000" "\\n"; true';

/**
 * Returns whether a file of any size contains one of these. Zero bytes end lines, to bound their
 * length.
 */
const holds = (path: string, needles: readonly string[]): Promise<boolean> =>
  run('grep', ['-qzaF', ...needles.flatMap((needle) => ['-e', needle]), path]).then(
    () => true,
    (error: { readonly code?: unknown }) => {
      if (error.code === 1) return false;
      throw error;
    },
  );

/** Returns their arguments, since Docker's own list needs `ps` on the host. */
const ARGUMENTS = 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\000" "\\n"; true';

t.setTimeout(180_000);
t.test('secrets of a space are in the environment of its agents, and nowhere else', async (t) => {
  const server = await modelServer(() => ({ text: ['by a model'] }), { host: '0.0.0.0' });
  t.teardown(() => server.close());
  const opened = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].map((range) => `${range}:${server.port}`).join();
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1', env: { RAWORC_ALLOW_EGRESS: opened } }] });
  const { rest } = cluster;
  await deploy(rest, 'teller', await writeAgent(join(cluster.directory, 'teller'), { 'main.py': AGENT }));
  const secrets = '/spaces/default/secrets';
  const put = async (value: string) => expect(await rest.call('PUT', `${secrets}/API_KEY`, { value }), 200, 'change the secret');
  const session = await rest.createSession();
  const said = async () => (await rest.say(session.id, 'tell')).reply.content;
  const pidOf = (text: string) => /pid=(\d+)/.exec(text)?.[1];
  const container = async () => (await containersOf(cluster.id)).find(({ running }) => running)?.id ?? '';

  t.match(await said(), 'length=0 ');
  expect(await rest.call('POST', secrets, { key_name: 'API_KEY', value: FIRST }), 201, 'make a secret');
  for (const reserved of ['RAWORC_SESSION_DIR', 'PYTHONPATH', 'LD_PRELOAD'])
    expect(await rest.call('POST', secrets, { key_name: reserved, value: '/elsewhere' }), 422, `no secret is named ${reserved}`);
  const first = await said();
  t.match(first, `length=${FIRST.length} `, 'the next message after a secret was made');
  t.match(first, 'path=/session');
  await put(SECOND);
  const second = await said();
  t.match(second, `length=${SECOND.length} `, 'the next message after it was changed');
  t.not(pidOf(first), pidOf(second));
  t.equal(pidOf(await said()), pidOf(second), 'without a change the worker stays');

  await t.test('they are requested again after a restart of guest, node agent or controller', async (t) => {
    await docker.getContainer(await container()).kill();
    t.match(await said(), `length=${SECOND.length} `);
    await cluster.node('node-1').kill();
    await docker.getContainer(await container()).restart({ t: 0 });
    await cluster.restartNode('node-1');
    t.match(await said(), `length=${SECOND.length} `);
    await cluster.controller.end('SIGKILL');
    await docker.getContainer(await container()).kill();
    await cluster.startController();
    await put(FIRST);
    t.match(await said(), `length=${FIRST.length} `);
    await put(SECOND);
    t.match(await said(), `length=${SECOND.length} `);
  });

  await t.test('none is in Docker, on the volume, on the node, readable by another user, or in a log', async (t) => {
    const id = await container();
    const places: Record<string, string> = {
      inspect: JSON.stringify(await docker.getContainer(id).inspect()),
      'the arguments of its processes': (await execIn(id, ['sh', '-c', ARGUMENTS])).output,
      'the volume': (await execIn(id, ['sh', '-c', 'cat $(find /session -type f); true'])).output,
      "the guest's own environment": (await execIn(id, ['sh', '-c', 'tr "\\000" "\\n" < /proc/1/environ'])).output,
      'what another user of the container sees': (await execIn(id, ['sh', '-c', ENVIRONMENTS], '4242')).output,
      logs: cluster.logs(Number.POSITIVE_INFINITY),
      events: JSON.stringify(await rest.messages(session.id)),
    };
    for (const file of await readdir(join(cluster.directory, 'nodes'), { recursive: true, withFileTypes: true })) {
      const path = join(file.parentPath, file.name);
      // A file system in a file is too large to read at once; what is in it is read where it is
      // mounted, too.
      if (file.name === 'image') t.notOk(await holds(path, [FIRST, SECOND]), `nothing is in ${path}`);
      else if (file.isFile()) places[`the node's ${file.name}`] = await readFile(path, 'latin1');
    }
    for (const [place, text] of Object.entries(places)) {
      if (text === '' && !/\.(token|lock)$/.test(place)) t.fail(`${place} is empty`);
      for (const value of [FIRST, SECOND]) t.notOk(text.includes(value), `${value.split('-')[0]} is not in ${place}`);
    }
    const user = await agentUser(id);
    t.notMatch((await execIn(id, ['sh', '-c', ENVIRONMENTS], user)).output, SECOND, 'nor does the agents’ user outside of their group');
    const groups = (await execIn(id, ['sh', '-c', GROUPS])).output.trim().split('\n').map(Number);
    const found = await execIn(id, ['sh', '-c', ENVIRONMENTS], `${user}:${Math.max(...groups)}`);
    t.match(found.output, SECOND, 'an agent itself finds it the same way');
  });

  await t.test('the key of a model stays in the guest, which calls it', async (t) => {
    const { IPAM } = await docker.getNetwork('raworc_network').inspect();
    const model = { api: 'openai', model: 'm', base_url: `http://${IPAM?.Config?.[0]?.Gateway}:${server.port}/v1`, key_secret: 'API_KEY' };
    expect(await rest.call('PUT', '/spaces/default', { settings: { model } }), 200, 'set the model');
    t.match(await said(), 'length=0 ', 'the agent has it no more');
    expect(await rest.call('PATCH', '/spaces/default/agents/teller/status', { status: 'inactive' }), 200, 'leave it to the model');
    t.match((await rest.say(session.id, 'hello')).reply, { content: 'by a model', metadata: { type: 'model_response', model: 'm' } });
    t.match(server.asked, [{ key: SECOND, agents: [] }]);
    const found = await execIn(await container(), ['sh', '-c', ENVIRONMENTS], '0');
    t.notMatch(found.output, SECOND);
  });
});
