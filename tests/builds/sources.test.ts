/** Every runtime with a package, from every source: over https with a private authority, over SSH with a key, by git's own protocol, uploaded. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { z } from 'zod';
import { dockerClients } from '../../node-agent/engine/docker/client.ts';
import { ensureNetwork, SESSION_NETWORK } from '../../node-agent/engine/docker/network.ts';
import { writeAgent } from '../cluster/agents.ts';
import { startCluster } from '../cluster/harness.ts';
import { freePorts } from '../cluster/ports.ts';
import { expect } from '../cluster/rest.ts';
import { docker } from '../host/busybox.ts';
import { commit, gitDaemon, gitServer, TOKEN } from '../host/git-server.ts';
import { Needles } from '../host/needle.ts';
import { WHEEL, WHEEL_NAME } from '../host/wheel.ts';
import { privateCa } from '../unit/controller/http/certificates.ts';
import { deployAll, type FromRepository } from './deploy-all.ts';
import { packageIndex } from './package-index.ts';
import { packagedAgents } from './packaged-agents.ts';
import { sshServer } from './ssh-server.ts';

const directory = mkdtempSync('/var/tmp/raworc-sources-');
const root = join(directory, 'repositories');
/** A secret that agents get, and which the search therefore finds. */
const SEEN = 'a-secret-for-the-agents';
const RUNTIMES = ['go', 'node', 'python', 'rust', 'typescript'];

const places = z.object({ searched: z.number(), found: z.array(z.string()) });
const sourced = z.object({ sources: z.array(z.object({ agent: z.string(), repo: z.string(), commit: z.string() })) });

t.setTimeout(1_200_000);
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

t.test('every runtime from every source', async (t) => {
  const { calls } = await dockerClients('/var/run/docker.sock');
  await ensureNetwork(calls, SESSION_NETWORK, new AbortController().signal);
  const address = await docker('network', 'inspect', SESSION_NETWORK.name, '--format', '{{(index .IPAM.Config 0).Gateway}}');
  const ca = await privateCa();
  const publicOnes = process.env.NODE_EXTRA_CA_CERTS ?? '/etc/ssl/certs/ca-certificates.crt';
  const trusted = join(directory, 'trusted.pem');
  writeFileSync(trusted, `${existsSync(publicOnes) ? readFileSync(publicOnes, 'utf8') : ''}\n${ca.pem}`);
  const server = await gitServer(root, await ca.issue({ address }), '');
  t.teardown(() => server.close());
  const index = await packageIndex({ greeting: { name: WHEEL_NAME, content: WHEEL } });
  t.teardown(() => index.close());
  /** Commits the agents of a source. Returns the commits by the agents' names. */
  const committed = async (source: string, of: readonly string[] = RUNTIMES) => {
    const made: Record<string, string> = {};
    const agents = packagedAgents(source, false);
    for (const name of of) made[name] = await commit(join(root, `${source}-${name}`), agents[name]?.files ?? {});
    return made;
  };
  const commits = { https: await committed('https'), ssh: await committed('ssh'), git: await committed('git', ['python']) };
  const ssh = await sshServer(t, { root, directory });
  const [gitPort = 0] = await freePorts(1);
  const daemon = await gitDaemon(root, gitPort);
  t.teardown(() => daemon.close());
  const cluster = await startCluster(t, {
    nodes: [
      {
        name: 'node-1',
        env: {
          RAWORC_BUILD_CA_FILE: trusted,
          RAWORC_BUILD_PYPI_URL: `http://${address}:${index.port}/simple`,
          RAWORC_ALLOW_EGRESS: [server.port, ssh.port, gitPort, index.port].map((port) => `${address}:${port}`).join(),
        },
      },
    ],
  });
  const { rest } = cluster;
  const secret = async (space: string, key_name: string, value: string) =>
    expect(await rest.call('POST', `/spaces/${space}/secrets`, { key_name, value }), 201, `make the secret ${key_name}`);
  /** Deploys agents into a space of their own, and starts a session with them. */
  const deployed = async (t: Test, source: string, agents: Readonly<Record<string, string | FromRepository>>) => {
    const space = `from-${source}`;
    const beganMs = performance.now();
    const build = await deployAll(rest, agents, space);
    t.comment(`${space}: built within ${Math.round((performance.now() - beganMs) / 1000)} s`);
    t.match(build, { status: 'completed', error: null });
    const session = (await rest.createSession({ space })).id;
    const ask = async (agent: string, message: string) => (await rest.say(session, message, { agent })).reply.content;
    return { build, ask, session };
  };
  const answers = async (t: Test, source: string, ask: (agent: string, message: string) => Promise<string>, of = RUNTIMES) => {
    for (const [name, { message, answer }] of Object.entries(packagedAgents(source, false)))
      if (of.includes(name)) t.equal(await ask(name, message), answer, `${name} from ${source}`);
  };
  const asBuilt = (build: unknown) => Object.fromEntries(sourced.parse(build).sources.map(({ agent, commit }) => [agent, commit]));

  const withheld = [
    {
      ...{ source: 'https', made: commits.https, key: 'GIT_TOKEN', value: TOKEN },
      hidden: [TOKEN, Buffer.from(`x-access-token:${TOKEN}`).toString('base64')],
      url: (name: string) => `https://${address}:${server.port}/private/${name}`,
    },
    {
      ...{ source: 'ssh', made: commits.ssh, key: 'DEPLOY_KEY' },
      value: `${ssh.privateKey}\n[${address}]:${ssh.port} ${ssh.hostKey}\n`,
      hidden: ssh.privateKey.split('\n').slice(2, 4),
      url: (name: string) => `ssh://git@${address}:${ssh.port}/srv/${name}`,
    },
  ];
  for (const { source, made, key, value, hidden, url } of withheld)
    await t.test(`over ${source}, with a secret that no agent gets`, async (t) => {
      const space = `from-${source}`;
      expect(await rest.call('POST', '/spaces', { name: space }), 201, 'make the space');
      await secret(space, key, value);
      await secret(space, 'SEEN', SEEN);
      const agents = RUNTIMES.map((name) => [name, { source_repo: url(`${source}-${name}`), source_secret: key }] as const);
      const { build, ask, session } = await deployed(t, source, Object.fromEntries(agents));
      t.same(asBuilt(build), made);
      await answers(t, source, ask);

      const find = async (text: string) => places.parse(JSON.parse(await ask('python', `find ${[...text].reverse().join('')}`)));
      const control = await find(SEEN);
      t.ok(control.searched > 1000, `${control.searched} files`);
      t.ok(control.found.includes('the variable SEEN'), `the search finds what is in the environment: ${control.found.join(', ')}`);
      t.ok((await find('PIECE = 2**20')).found.includes('/opt/raworc/agents/python/main.py'), 'and what is in files');
      for (const text of [key, ...hidden]) {
        t.ok(text.length > 8, 'there is something to find');
        t.same((await find(text)).found, [], `${key} is in no variable and no file of the session`);
      }
      const logs = await rest.call('GET', `/spaces/${space}/build/${build.id}/logs`);
      t.equal(logs.status, 200);
      const told = JSON.stringify([build, logs.body, await rest.messages(session)]) + cluster.logs(Number.POSITIVE_INFINITY);
      for (const text of hidden) t.notOk(told.includes(text), 'nor in the build, its log, messages and the logs of node and controller');
      const image = build.image_tag ?? '';
      const kept = await docker('image', 'inspect', image).then(async (made) => made + (await docker('history', '--no-trunc', image)));
      t.match(kept, '/opt/raworc/agents');
      const needles = new Needles(hidden);
      t.same(needles.in(Buffer.from(kept)), [], 'nor in the image’s description, in any encoding');
      const { found, files } = await needles.below(cluster.directory);
      t.ok(files > 10, `${files} files`);
      t.same(found, [], 'nor in a file of controller and node');
      await rest.removeSession(session);
    });
  t.match(index.asked, ['/simple/greeting/', `/${WHEEL_NAME}`], 'the package came from the index');

  await t.test("by git's own protocol, only main.py and requirements.txt", async (t) => {
    expect(await rest.call('POST', '/spaces', { name: 'from-git' }), 201, 'make the space');
    const { build, ask, session } = await deployed(t, 'git', { python: { source_repo: `git://${address}:${gitPort}/git-python` } });
    t.same(asBuilt(build), commits.git);
    await answers(t, 'git', ask, ['python']);
    await rest.removeSession(session);
  });

  await t.test('uploaded', async (t) => {
    expect(await rest.call('POST', '/spaces', { name: 'from-upload' }), 201, 'make the space');
    const agents = Object.entries(packagedAgents('upload', true));
    const directories = agents.map(async ([name, { files }]) => [name, await writeAgent(join(directory, 'uploads', name), files)] as const);
    const { ask, session } = await deployed(t, 'upload', Object.fromEntries(await Promise.all(directories)));
    await answers(t, 'upload', ask);
    await rest.removeSession(session);
  });
});
