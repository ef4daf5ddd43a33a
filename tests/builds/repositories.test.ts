/** From a repository to a reply, over https with a private authority and over SSH with a key. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { dockerClients } from '../../node-agent/engine/docker/client.ts';
import { ensureNetwork, SESSION_NETWORK } from '../../node-agent/engine/docker/network.ts';
import { startCluster } from '../cluster/harness.ts';
import { docker } from '../host/busybox.ts';
import { commit, git, gitServer, TOKEN } from '../host/git-server.ts';
import { privateCa } from '../unit/controller/http/certificates.ts';
import { sshKey, sshServer } from './ssh-server.ts';

const directory = mkdtempSync('/var/tmp/raworc-from-git-');
const root = join(directory, 'repositories');
const space = '/spaces/default';
const agent = (reply: string) => ({
  'main.py': `def process_message(message, context):\n  return ${JSON.stringify(reply)} + message\n`,
  'requirements.txt': '',
});
/** Three attempts to connect take 7 s; the kernel's own number of them takes 67 to 127 s. */
const GIVES_UP_MS = 40_000;

t.setTimeout(600_000);
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

t.test('agents from repositories', async (t) => {
  const { calls } = await dockerClients('/var/run/docker.sock');
  await ensureNetwork(calls, SESSION_NETWORK, new AbortController().signal);
  const address = await docker('network', 'inspect', SESSION_NETWORK.name, '--format', '{{(index .IPAM.Config 0).Gateway}}');
  const ca = await privateCa();
  writeFileSync(join(directory, 'ca.pem'), ca.pem);
  const server = await gitServer(root, await ca.issue({ address }), '');
  t.teardown(() => server.close());
  const first = await commit(join(root, 'plain'), agent('one: '));
  const ssh = await sshServer(t, { root, directory });
  const { privateKey } = ssh;
  const cluster = await startCluster(t, {
    nodes: [
      {
        name: 'node-1',
        env: { RAWORC_BUILD_CA_FILE: join(directory, 'ca.pem'), RAWORC_ALLOW_EGRESS: `${address}:${server.port},${address}:${ssh.port}` },
      },
    ],
  });
  const { rest } = cluster;
  const ended = async (ask: () => Promise<unknown>) => {
    const news = await rest.watch('/events');
    await ask();
    const queued = await rest.latestBuild('default');
    await news.until('the build', ({ type, data }) => {
      const { id, status } = (data.build ?? {}) as { id?: string; status?: string };
      return type === 'build.state' && id === queued.id && ['completed', 'failed'].includes(status ?? '');
    });
    news.close();
    return (await rest.call('GET', `${space}/build/${queued.id}`)).body as Record<string, unknown>;
  };
  const built = async (name: string, change: object) => {
    const path = `${space}/agents/${name}`;
    const made = await rest.call('POST', `${space}/agents`, { name });
    t.ok([201, 409].includes(made.status));
    t.match(await rest.call('PUT', path, change), { status: 200 });
    return ended(async () => t.match(await rest.call('POST', `${path}/deploy`), { status: 200 }));
  };
  const reply = async (name: string) => {
    const session = await rest.createSession();
    const said = await rest.say(session.id, 'hello', { agent: name });
    await rest.removeSession(session.id);
    return said.reply.content;
  };

  await t.test('over https, with a token', async (t) => {
    const url = `https://${address}:${server.port}/private/plain`;
    const refused = await built('plain', { source_repo: url, source_branch: 'HEAD' });
    t.match(refused, { status: 'failed', error: /does not exist or is private/ });
    const lacking = await built('plain', { source_repo: url, source_secret: 'GIT_TOKEN' });
    t.match(lacking, { status: 'failed', error: /needs the secret GIT_TOKEN/ });
    t.match(await rest.call('POST', `${space}/secrets`, { key_name: 'GIT_TOKEN', value: TOKEN }), { status: 201 });
    const good = await built('plain', { source_repo: url });
    t.match(good, { status: 'completed', sources: [{ agent: 'plain', repo: url, branch: 'HEAD', commit: first }] });
    t.equal(await reply('plain'), 'one: hello');
    const second = await commit(join(root, 'plain'), agent('two: '));
    const newer = await built('plain', { source_repo: url });
    t.match(newer, { status: 'completed', sources: [{ commit: second }] });
    t.equal(await reply('plain'), 'two: hello');

    const ask = (body: object) => ended(async () => t.match(await rest.call('POST', `${space}/build`, body), { status: 201 }));
    const same = await ask({});
    t.match(same, { status: 'completed', image_tag: newer.image_tag, sources: [{ commit: second }], error: null });
    t.not(same.id, newer.id, 'the commit was looked up');
    t.match(await rest.call('GET', `${space}/build/${same.id}/logs`), { body: { logs: [{ line: /^Queued/ }] } }, 'a log that says so');
    const forced = await ask({ force: true });
    t.match(forced, { status: 'completed', sources: [{ commit: second }] });
    t.not(forced.image_tag, newer.image_tag);
    t.equal(await reply('plain'), 'two: hello');
    t.match((await rest.call('GET', `${space}/agents/plain`)).body, { source_commit: second, source_secret: 'GIT_TOKEN' });
    const { status, body } = await rest.call('GET', `${space}/build/${good.id}/logs`);
    t.equal(status, 200);
    t.notMatch(JSON.stringify(body) + cluster.controller.lines.join() + JSON.stringify(good), TOKEN);
  });

  await t.test('over SSH, with a deploy key', async (t) => {
    const url = `ssh://git@${address}:${ssh.port}/srv/plain`;
    await rest.call('POST', `${space}/secrets`, { key_name: 'DEPLOY_KEY', value: privateKey });
    const change = { source_repo: url, source_branch: 'main', source_secret: 'DEPLOY_KEY' };
    t.match(await built('keyed', change), { status: 'failed', error: /host key of .* is unknown/ });
    const known = (key: string) => `${privateKey}\n[${address}]:${ssh.port} ${key}\n`;
    const { publicKey: other } = await sshKey(directory, 'other');
    await rest.call('PUT', `${space}/secrets/DEPLOY_KEY`, { value: known(other) });
    t.match(await built('keyed', change), { status: 'failed', error: /host key of .* is not the known one/ });
    await rest.call('PUT', `${space}/secrets/DEPLOY_KEY`, { value: known(ssh.hostKey) });
    t.match(await built('keyed', change), {
      status: 'completed',
      sources: [{ agent: 'plain' }, { agent: 'keyed', commit: await git(join(root, 'plain'), 'rev-parse', 'HEAD') }],
    });
    t.equal(await reply('keyed'), 'two: hello');
  });

  // Last, since the first fetch over SSH also gets an image with an SSH client, which takes as long as the mirror does.
  await t.test('from a server that does not answer', async (t) => {
    const source = { source_repo: `https://${address}:${server.port}/private/plain`, source_secret: 'GIT_TOKEN' };
    // Whatever the network outside is like: builds may not reach this port of the host, which drops what they send to it.
    for (const source_repo of [`https://${address}:1/team/plain`, `ssh://git@${address}:1/team/plain`]) {
      const silent = await built('plain', { source_repo, source_secret: null });
      t.match(silent, { status: 'failed', error: /cannot be reached.*RAWORC_ALLOW_EGRESS/ }, source_repo);
      const { stages } = z.object({ stages: z.array(z.object({ name: z.string(), duration_ms: z.number().nullable() })) }).parse(silent);
      const tookMs = stages.find(({ name }) => name === 'fetch')?.duration_ms ?? Number.POSITIVE_INFINITY;
      t.comment(`${source_repo}: given up after ${tookMs} ms`);
      t.ok(tookMs < GIVES_UP_MS, `given up after ${tookMs} ms`);
    }
    t.equal(await reply('plain'), 'two: hello', 'the build before serves on');
    t.match(await built('plain', source), { status: 'completed' }, 'and the agent is mended by its address');
  });
});
