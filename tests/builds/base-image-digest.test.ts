/** What a build shows of the image that its agent begins with, which the node's engine pulls from a registry. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { z } from 'zod';
import { writeAgent } from '../cluster/agents.ts';
import { startCluster } from '../cluster/harness.ts';
import { freePorts } from '../cluster/ports.ts';
import { Child } from '../cluster/processes.ts';
import { expect } from '../cluster/rest.ts';
import { docker } from '../host/busybox.ts';
import { testDirectory } from '../test-directory.ts';
import { baseImageTag } from './base-image.ts';

const run = promisify(execFile);
const CODE = `import pathlib
def process_message(message, context):
    motto = pathlib.Path("/etc/motto")
    return (motto.read_text().strip() if motto.exists() else "plain") + " " + message
`;
const buildShape = z.looseObject({
  id: z.string(),
  sources: z.array(z.looseObject({ agent: z.string(), base_image: z.string().nullable() })),
});

t.setTimeout(900_000);
t.test('a build shows the digest of its base image', async (t) => {
  const directory = testDirectory(t);
  const [port = 0] = await freePorts(1);
  const host = `127.0.0.1:${port}`;
  const config = {
    ...{ version: '0.1', log: { level: 'info' }, storage: { filesystem: { rootdirectory: join(directory, 'storage') } } },
    http: { addr: host },
  };
  await writeFile(join(directory, 'registry.yml'), JSON.stringify(config));
  const registry = new Child(
    'docker-registry',
    'docker-registry',
    ['serve', join(directory, 'registry.yml')],
    { PATH: process.env.PATH ?? '' },
    directory,
  );
  t.teardown(() => registry.end('SIGKILL'));
  await registry.untilLine('the registry to listen', (line) => line.includes('listening on'));

  // The files of the session image as somebody else's: without its labels.
  const name = `${host}/team/base:1`;
  const container = await docker('create', await baseImageTag());
  await run('bash', ['-o', 'pipefail', '-c', `docker export ${container} | docker import - ${name}`]).finally(() =>
    docker('rm', container),
  );
  const pushed = await docker('push', name);
  const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed)?.[1] ?? '';
  t.not(digest, '', pushed);
  await docker('rmi', name);
  // Of the builds, whose images go with the cluster.
  t.teardown(async () => {
    const left = new Set((await docker('image', 'ls', '-q', '--filter', `reference=${host}/*/*`)).split('\n').filter(Boolean));
    if (left.size > 0) await docker('rmi', '-f', ...left);
  });

  const env = { RAWORC_BUILD_DOCKERFILES: 'true', RAWORC_BUILD_BASE_IMAGES: `${host}/team/*` };
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1', env }] });
  const { rest } = cluster;
  const { key } = z.object({ key: z.string() }).parse(expect(await rest.call('POST', '/api-keys', { name: 'cli' }), 201, 'make a key'));
  const raworc = async (...args: readonly string[]) => {
    const cli = { PATH: process.env.PATH ?? '', HOME: directory, RAWORC_URL: `http://127.0.0.1:${cluster.ports.http}`, RAWORC_TOKEN: key };
    return (await run(process.execPath, ['cli/main.ts', ...args], { env: cli })).stdout;
  };
  /** Each in a space of its own: the agents of a space share an image. */
  const shown = async (space: string, files: Readonly<Record<string, string>>) => {
    expect(await rest.call('POST', '/spaces', { name: space }), 201, `create the space ${space}`);
    await raworc(
      'agent',
      'deploy',
      await writeAgent(join(directory, space), { 'main.py': CODE, ...files }),
      '--name',
      'own',
      '--space',
      space,
    );
    const { id } = await rest.latestBuild(space);
    const { sources } = buildShape.parse((await rest.call('GET', `/spaces/${space}/build/${id}`)).body);
    const session = await rest.createSession({ space });
    const said = await rest.say(session.id, 'hello', { agent: 'own' });
    await rest.removeSession(session.id);
    const { body } = await rest.call('GET', `/spaces/${space}/build/${id}/logs`);
    return { sources, reply: said.reply.content, log: JSON.stringify(body), cli: await raworc('build', 'get', '--space', space) };
  };
  const whole = `${host}/team/base@${digest}`;

  await t.test('of a Dockerfile, also by way of another stage', async (t) => {
    const file = `FROM ${name} AS first\nRUN echo of its own > /etc/motto\nFROM first\nRUN test -f /etc/motto\n`;
    const { sources, reply, log, cli } = await shown('stages', { Dockerfile: file });
    t.match(sources, [{ agent: 'own', base_image: whole }]);
    t.equal(reply, 'of its own hello');
    t.match(log, `${name} is ${whole}`);
    t.match(cli, new RegExp(`base images\\n +own +${whole}\\n`));
  });

  await t.test('of base_image in raworc.json, and of a FROM that names the digest', async (t) => {
    const short = await shown('short', { 'raworc.json': JSON.stringify({ base_image: name }) });
    t.match(short, { sources: [{ base_image: whole }], reply: 'plain hello' });
    const pinned = await shown('pinned', { Dockerfile: `FROM ${whole}\nRUN echo pinned > /etc/motto\n` });
    t.match(pinned, { sources: [{ base_image: whole }], reply: 'pinned hello' });
  });

  await t.test('and none of the session image', async (t) => {
    const { sources, reply, cli } = await shown('stock', { Dockerfile: 'FROM raworc/session\nRUN echo stock > /etc/motto\n' });
    t.match(sources, [{ base_image: null }]);
    t.equal(reply, 'stock hello');
    t.notMatch(cli, /base images/);
  });
});
