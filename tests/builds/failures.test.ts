/**
 * Builds that fail in every way: each says why, leaves nothing behind, and disturbs nobody. The
 * build before them serves on, and a session answers in time meanwhile.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { z } from 'zod';
import { dockerClients } from '../../node-agent/engine/docker/client.ts';
import { ensureNetwork, SESSION_NETWORK } from '../../node-agent/engine/docker/network.ts';
import { deploy, packDirectory, writeAgent } from '../cluster/agents.ts';
import { type Cluster, startCluster } from '../cluster/harness.ts';
import { expect } from '../cluster/rest.ts';
import { docker } from '../host/busybox.ts';
import { commit, gitServer } from '../host/git-server.ts';
import { reachedIn } from '../host/reach.ts';
import { addressesOfHost, METADATA, outside, withMetadataAddress } from '../host/targets.ts';
import { privateCa } from '../unit/controller/http/certificates.ts';
import { type BadAgent, BUILD_LIMIT_MS, badAgents, REPOSITORIES } from './failing-agents.ts';
import { differenceFrom, leftBehind, quantile, Talk } from './left-behind.ts';

const directory = mkdtempSync('/var/tmp/raworc-failures-');
const AGENTS = '/spaces/default/agents';
const NEIGHBOUR_PORT = 7070;
/** Answers before each build, in the quiet cluster. */
const QUIET_ANSWERS = 15;
/** However fast a quiet machine is, half of the answers can take this long, and 95% of them a second. */
const SOON_MS = 100;
const IN_TIME_MS = 1_000;

/** Echoes, and can listen, so that others can try to reach its session. */
const GOOD = `
import socket, threading

def serve(listening):
    while True:
        listening.accept()[0].close()

def process_message(message, context):
    if message == "listen":
        listening = socket.socket()
        listening.bind(("0.0.0.0", ${NEIGHBOUR_PORT}))
        listening.listen()
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
    return "good: " + message
`;

const buildShape = z.looseObject({
  ...{ id: z.string(), status: z.string(), error: z.string().nullable() },
  stages: z.array(z.looseObject({ name: z.string(), status: z.string() })),
});

t.setTimeout(900_000);
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

async function start(t: Test) {
  const { calls } = await dockerClients('/var/run/docker.sock');
  await ensureNetwork(calls, SESSION_NETWORK, new AbortController().signal);
  const address = await docker('network', 'inspect', SESSION_NETWORK.name, '--format', '{{(index .IPAM.Config 0).Gateway}}');
  const ca = await privateCa();
  writeFileSync(join(directory, 'ca.pem'), ca.pem);
  const root = join(directory, 'repositories');
  for (const [name, files] of Object.entries(REPOSITORIES)) await commit(join(root, name), files);
  const server = await gitServer(root, await ca.issue({ address }), '');
  t.teardown(() => server.close());
  const env = {
    ...{ RAWORC_TEST_BUILD_LIMIT_MS: String(BUILD_LIMIT_MS), RAWORC_BUILD_DOCKERFILES: 'true' },
    ...{ RAWORC_BUILD_CA_FILE: join(directory, 'ca.pem'), RAWORC_ALLOW_EGRESS: `${address}:${server.port}` },
  };
  const cluster = await startCluster(t, {
    ...{ nodes: [{ name: 'node-1', program: 'tests/builds/impatient-node.ts', env }], host: '0.0.0.0' },
  });
  return { cluster, repository: (path: string) => (path.includes(':') ? path : `https://${address}:${server.port}/${path}`) };
}

/** Starts sessions of the good agent. Returns one, and all addresses that no build can reach. */
async function neighbours({ rest, ports }: Cluster) {
  const [session, neighbour] = [await rest.createSession(), await rest.createSession()];
  expect(await rest.call('POST', `/sessions/${neighbour.id}/messages?wait=60s`, { content: 'listen' }), 201, 'listen');
  const format = `{{(index .NetworkSettings.Networks "${SESSION_NETWORK.name}").IPAddress}}`;
  const inNeighbour = `${await docker('inspect', '--format', format, neighbour.container_id ?? '')}:${NEIGHBOUR_PORT}`;
  const hosts = [...(await addressesOfHost()).values(), METADATA];
  const onHost = hosts.flatMap((host) => [ports.http, ports.node, ports.join].map((port) => `${host}:${port}`));
  return { session, onHost, inNeighbour };
}

/** Deploys an agent whose build fails. Returns the build once it is over, with all lines of its log. */
async function build({ rest, directory: data }: Cluster, { source }: BadAgent, repository: (path: string) => string) {
  const news = await rest.watch('/events');
  try {
    if (typeof source === 'string') {
      const from = { name: 'bad', source_repo: repository(source), source_branch: 'main' };
      expect(await rest.call('POST', AGENTS, from), 201, 'create the agent');
    } else {
      expect(await rest.call('POST', AGENTS, { name: 'bad' }), 201, 'create the agent');
      const files = join(data, 'bad');
      const packed = await packDirectory(await writeAgent(files, source));
      rmSync(files, { recursive: true });
      expect(await rest.send('PUT', `${AGENTS}/bad/source`, packed, 'application/gzip'), 201, 'upload');
      expect(await rest.call('POST', `${AGENTS}/bad/deploy`), 200, 'deploy');
    }
    const { id } = await rest.latestBuild();
    const isOver = ({ data: { build } }: { readonly data: Readonly<Record<string, unknown>> }) => {
      const seen = buildShape.partial().safeParse(build);
      return seen.success && seen.data.id === id && ['completed', 'failed'].includes(seen.data.status ?? '');
    };
    await news.until('the build', isOver, 4 * BUILD_LIMIT_MS);
    const path = `/spaces/default/build/${id}`;
    const log = expect(await rest.call('GET', `${path}/logs?limit=1000`), 200, 'read the log');
    const { logs } = z.looseObject({ logs: z.array(z.looseObject({ line: z.string() })) }).parse(log);
    return { ...buildShape.parse(expect(await rest.call('GET', path), 200, 'get the build')), log: logs.map(({ line }) => line) };
  } finally {
    news.close();
  }
}

t.test('builds that fail', async (t) => {
  const { cluster, repository } = await start(t);
  const { rest } = cluster;
  await deploy(rest, 'good', await writeAgent(join(cluster.directory, 'good'), { 'main.py': GOOD }));
  await withMetadataAddress(t);
  const { session, onHost, inNeighbour } = await neighbours(cluster);
  const targets = [...onHost, inNeighbour];
  const every = (reached: boolean, all: readonly string[]) => Object.fromEntries(all.map((target) => [target, reached]));
  t.same(reachedIn(await outside('bridge', onHost)), every(true, onHost), 'other containers reach every address of the host');
  t.same(reachedIn(await outside('host', [inNeighbour])), every(true, [inNeighbour]), 'and the host the other session');

  const talk = new Talk(rest, session.id);
  const quiet: number[] = [];
  const meanwhile: number[] = [];
  const before = await leftBehind(cluster);
  for (const bad of badAgents(targets, METADATA)) {
    await t.test(bad.what, async (t) => {
      quiet.push(...(await talk.times({ count: QUIET_ANSWERS })));
      const over = new AbortController();
      const talking = talk.times({ signal: over.signal });
      const began = performance.now();
      const failed = await build(cluster, bad, repository).finally(() => over.abort());
      const took = Math.round(performance.now() - began);
      const times = await talking;
      meanwhile.push(...times);
      t.comment(`${took} ms; ${times.length} answers, the slowest after ${Math.round(Math.max(...times))} ms`);
      t.equal(failed.status, 'failed');
      t.match(failed.error, bad.error, 'it says why');
      t.equal(failed.stages.find(({ status }) => status === 'failed')?.name, bad.stage, 'and where');
      if (bad.attacks === true) {
        const [printed = '{}'] = failed.log.flatMap((line) => /\{".*":.*\}/.exec(line)?.[0] ?? []);
        t.same(reachedIn(printed), every(false, targets), 'it reached nothing');
      }
      t.match((await rest.call('GET', `${AGENTS}/bad`)).body, { status: 'error' });
      t.match((await rest.call('GET', `${AGENTS}/good`)).body, { status: /active|running/ }, 'the other agent is as before');
      expect(await rest.call('DELETE', `${AGENTS}/bad`), 204, 'remove the agent');
      t.same(await differenceFrom(before, cluster), [], 'nothing is left behind');
      const next = await rest.createSession();
      t.equal((await rest.say(next.id, 'anew')).reply.content, 'good: anew', 'the build before serves new sessions');
      await rest.removeSession(next.id);
    });
  }
  t.same(talk.wrong, [], 'every answer was the right one');
  const figures = (times: readonly number[]) => [0.5, 0.95].map((share) => quantile(times, share));
  const [[half = 0, most = 0], [usualHalf = 0, usualMost = 0]] = [figures(meanwhile), figures(quiet)];
  const shown = [half, most, usualHalf, usualMost].map(Math.round);
  t.comment(`answers while builds fail: half within ${shown[0]} ms, 95% within ${shown[1]}; between them ${shown[2]} and ${shown[3]}`);
  t.ok(half <= Math.max(2 * usualHalf, SOON_MS), 'half of the answers come soon, or in twice the time of those without builds');
  t.ok(most <= Math.max(2 * usualMost, IN_TIME_MS), 'and 95% of them in time');
});
