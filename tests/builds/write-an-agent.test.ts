/** The commands of docs/write-an-agent.md, word for word, by the real program: repositories, builds and a Dockerfile. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { z } from 'zod';
import { dockerClients } from '../../node-agent/engine/docker/client.ts';
import { ensureNetwork, SESSION_NETWORK } from '../../node-agent/engine/docker/network.ts';
import { startCluster } from '../cluster/harness.ts';
import { docker } from '../host/busybox.ts';
import { commit, git, gitServer, TOKEN } from '../host/git-server.ts';
import { privateCa } from '../unit/controller/http/certificates.ts';
import { sshServer } from './ssh-server.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
const PAGE = readFileSync(join(PROJECT, 'docs', 'write-an-agent.md'), 'utf8');
const directory = mkdtempSync('/var/tmp/raworc-write-an-agent-');
const root = join(directory, 'repositories');
/** The page names a public file that a reader would have. */
const FONT = 'fonts/our.ttf';

t.setTimeout(900_000);
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

/** Returns the text of the block that begins so. */
function block(language: string, start: string): string {
  const found = [...PAGE.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].find(([, kind, code]) => kind === language && code?.startsWith(start));
  if (found?.[2] === undefined) throw new Error(`the page has no block that begins with ${start}`);
  return found[2];
}

const says = (words: string) => `def process_message(message, context):\n    return ${JSON.stringify(words)} + message\n`;

t.test('the page, in order', async (t) => {
  const { calls } = await dockerClients('/var/run/docker.sock');
  await ensureNetwork(calls, SESSION_NETWORK, new AbortController().signal);
  const address = await docker('network', 'inspect', SESSION_NETWORK.name, '--format', '{{(index .IPAM.Config 0).Gateway}}');
  const ca = await privateCa();
  writeFileSync(join(directory, 'ca.pem'), ca.pem);
  const server = await gitServer(root, await ca.issue({ address }), '');
  t.teardown(() => server.close());
  const ssh = await sshServer(t, { root, directory });

  const onGithub = await commit(join(root, 'owner', 'repo'), { 'main.py': says('github '), 'requirements.txt': '' });
  const ours = join(root, 'team', 'repo');
  const tagged = await commit(ours, { 'main.py': says('tagged '), 'agents/helper/main.py': says('helper ') });
  await git(ours, 'tag', 'v1.2');
  const newest = await commit(ours, { 'main.py': says('newest ') });
  symlinkSync('repo', join(root, 'team', 'repo.git'));

  const { rest, ports } = await startCluster(t, {
    nodes: [
      {
        name: 'node-1',
        env: {
          RAWORC_BUILD_CA_FILE: join(directory, 'ca.pem'),
          RAWORC_ALLOW_EGRESS: `${address}:${server.port},${address}:${ssh.port}`,
          RAWORC_BUILD_DOCKERFILES: '1',
        },
      },
    ],
  });
  const { key } = z.object({ key: z.string() }).parse((await rest.call('POST', '/api-keys', { name: 'page' })).body);
  const home = join(directory, 'home');
  mkdirSync(join(home, 'bin'), { recursive: true });
  writeFileSync(join(home, 'bin', 'raworc'), `#!/bin/sh\nexec '${process.execPath}' '${PROJECT}/cli/raworc.mjs' "$@"\n`);
  chmodSync(join(home, 'bin', 'raworc'), 0o755);
  const env = {
    PATH: `${join(home, 'bin')}:${process.env.PATH}`,
    HOME: home,
    RAWORC_URL: `http://127.0.0.1:${ports.http}`,
    RAWORC_TOKEN: key,
  };
  /** Runs a script as a person does, who types `typed`. Resolves to what it printed; throws if a command of it fails. */
  const shell = async (script: string, typed = '') => {
    const child: ChildProcess = spawn('bash', ['-euo', 'pipefail', '-c', script], { cwd: home, env, stdio: ['pipe', 'pipe', 'pipe'] });
    const { stdin, stdout, stderr } = child;
    if (stdin === null || stdout === null || stderr === null) throw new Error('a shell without pipes');
    stdin.on('error', () => undefined);
    stdin.end(typed);
    const over = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const [printed, faults, code] = await Promise.all([text(stdout), text(stderr), over]);
    if (code !== 0) throw new Error(`${script}\nended with ${code}: ${printed.slice(-2000)}${faults.slice(-2000)}`);
    return `${printed}${faults}`;
  };
  const host = `${address}:${server.port}`;
  /** The page's hosts are those of this test. */
  const here = (script: string, github: string) =>
    script
      .replaceAll('https://git.example.com:8443', `https://${host}`)
      .replaceAll('ssh://git@git.example.com', `ssh://git@${address}:${ssh.port}/srv`)
      .replaceAll(/(?<= )git\.example\.com/g, `https://${host}`)
      .replaceAll(/(?<= )owner\/repo/g, github);
  const answer = async (agent: string, message = 'hello') => {
    const session = await rest.createSession();
    const { reply } = await rest.say(session.id, message, { agent });
    await rest.removeSession(session.id);
    return reply.content;
  };
  const commitOf = async (agent: string) => (await rest.call('GET', `/spaces/default/agents/${agent}`)).body;

  await t.test('from repositories', async (t) => {
    const script = here(block('sh', 'raworc agent deploy owner/repo'), `https://${host}/owner/repo`);
    const [first = '', ...others] = script.trim().split('\n');
    await shell(first);
    t.match(await commitOf('repo'), { source_commit: onGithub });
    t.equal(await answer('repo'), 'github hello');
    await shell(others.join('\n'));
    t.match(await commitOf('repo'), { source_commit: tagged }, 'the branch v1.2 is a tag');
    t.equal(await answer('repo'), 'tagged hello');
    t.match(await commitOf('helper'), { source_commit: newest });
    t.equal(await answer('helper'), 'helper hello');
  });

  await t.test('from private repositories', async (t) => {
    writeFileSync(join(home, 'deploy-key'), ssh.privateKey);
    writeFileSync(join(home, 'known-hosts'), `[${address}]:${ssh.port} ${ssh.hostKey}\n`);
    const script = here(block('sh', 'raworc secret set GIT_TOKEN'), `https://${host}/private/owner/repo`);
    const [withToken = '', withKey = ''] = script.split('\n\n');
    await shell(withToken, TOKEN);
    t.match(await commitOf('repo'), { source_commit: onGithub, source_secret: 'GIT_TOKEN' });
    t.ok(server.seen.some(({ path, authorization }) => path.startsWith('/private/owner/repo') && authorization !== undefined));
    await shell(withKey);
    t.match(await commitOf('repo'), { source_commit: newest, source_secret: 'DEPLOY_KEY' });
    t.equal(await answer('repo'), 'newest hello');
  });

  await t.test('builds', async (t) => {
    const commands = block('sh', 'raworc build list').trim().split('\n');
    const [list = '', get = '', logs = '', cancel = ''] = commands;
    const { id } = await rest.latestBuild();
    t.match(await shell(list), id.slice(0, 8));
    t.match(await shell(get), new RegExp(`${id}[\\s\\S]*fetch`));
    t.match(await shell(logs.replace('ID', id.slice(0, 8))), /Fetch|fetch/);
    const forced = await rest.call('POST', '/spaces/default/build', { force: true });
    t.match(forced, { status: 201 });
    const { id: running } = await rest.latestBuild();
    t.not(running, id);
    await shell(cancel.replace('ID', running));
    t.match((await rest.call('GET', `/spaces/default/build/${running}`)).body, { status: /cancel|failed/ });
    t.equal(await answer('helper'), 'helper hello', 'the build before serves on');
  });

  await t.test('from a directory with a Dockerfile', async (t) => {
    const own = join(home, 'own');
    mkdirSync(join(own, 'fonts'), { recursive: true });
    writeFileSync(join(own, FONT), 'a font');
    writeFileSync(join(own, 'Dockerfile'), block('dockerfile', 'FROM raworc/session'));
    writeFileSync(join(own, 'raworc.json'), block('json', '{ "runtime": "python", "handler": "main.process_message" }'));
    writeFileSync(join(own, 'main.py'), block('python', '# main.py'));
    await shell('raworc agent deploy own');
    t.equal(await answer('own', 'hi'), "You said 'hi'");
    const session = await rest.createSession();
    const { body } = await rest.call('POST', `/sessions/${session.id}/exec`, {
      argv: ['sh', '-c', 'ffmpeg -version | head -1; cat /usr/share/fonts/our.ttf'],
    });
    t.match(body, { exit_code: 0, stdout: /^ffmpeg version[\s\S]*a font$/ });
    await rest.removeSession(session.id);
  });
});
