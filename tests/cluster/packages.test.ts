import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { unmountDisks } from '../host/test-disks.ts';
import { sessionImage, sweep } from './docker.ts';
import { bareTools, installInto, PROGRAMS, pack, run, version } from './packed-product.ts';
import { freePorts } from './ports.ts';
import { Child } from './processes.ts';

const manifest = z.object({ gypfile: z.boolean().optional(), scripts: z.record(z.string(), z.string()).optional() });

/** The folder of this machine's own Node.js, which can be older than the project's. */
const otherNode = () =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules') && existsSync(join(folder, 'node')))
    .slice(0, 1);

t.setTimeout(240_000);
t.test('npm pack makes the product: it installs without compiler or install scripts, and answers a message', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-pack-'));
  const children: Child[] = [];
  t.teardown(async () => {
    if (!t.passing()) for (const { name, lines } of children) t.comment(name, lines.slice(-20).join('\n'));
    await Promise.all(children.map((child) => child.end('SIGKILL')));
    const identity = join(directory, 'node', 'identity.json');
    const cluster = existsSync(identity) ? /"clusterId":\s*"([^"]+)"/.exec(readFileSync(identity, 'utf8'))?.[1] : undefined;
    if (cluster !== undefined) await sweep(cluster);
    unmountDisks(join(directory, 'node'));
    rmSync(directory, { recursive: true, force: true });
  });

  const tools = bareTools(join(directory, 'tools'));
  const tarball = await pack(directory);
  t.ok(statSync(tarball).size < 13 * 1024 * 1024, 'nothing for other systems, and no sources of libraries');
  const { bin, root } = await installInto(join(directory, 'prefix'), tarball, tools);
  const brought = globSync('node_modules/{*,@*/*}/package.json', { cwd: root });
  t.ok(brought.length > 50);
  for (const file of brought) {
    const { scripts = {}, gypfile } = manifest.parse(JSON.parse(readFileSync(join(root, file), 'utf8')));
    t.notOk(
      ['preinstall', 'install', 'postinstall'].some((name) => name in scripts),
      `${file} has no install script`,
    );
    t.ok(gypfile === false || !existsSync(join(root, file, '../binding.gyp')), `npm does not compile ${file}`);
  }
  t.same(
    ['typescript', 'tap', 'esbuild', '@biomejs'].filter((name) => existsSync(join(root, 'node_modules', name))),
    [],
    'no development tools',
  );
  t.same(globSync('node_modules/*/prebuilds/{android,darwin,ios,linuxmusl,win32}-*', { cwd: root }), [], 'nothing for other systems');
  t.same(globSync('{tests,bench,scripts,controller/**/*.ts,node-agent/**/*.ts,cli/**/*.ts}', { cwd: root }), [], 'no sources');

  for (const folder of [tools, ...otherNode()]) {
    for (const program of PROGRAMS) {
      const env = { PATH: folder, HOME: directory };
      t.equal((await run(bin(program), ['--version'], { env })).stdout, `${version}\n`, `${program} on ${folder}/node`);
      t.match((await run(bin(program), ['--help'], { env })).stdout, /^Usage: raworc[\s\S]*Exit codes: 0 /);
      await t.rejects(run(bin(program), ['no-such-command'], { env }), { code: 2, stderr: /no-such-command/ });
    }
  }

  const [http = 0, node = 0, join_ = 0] = await freePorts(3);
  const path = `${tools}:${process.env.PATH}`;
  const controller = new Child(
    'controller',
    bin('raworc-controller'),
    ['serve'],
    {
      PATH: path,
      RAWORC_DATA_DIR: directory,
      RAWORC_HTTP_PORT: String(http),
      RAWORC_NODE_PORT: String(node),
      RAWORC_JOIN_PORT: String(join_),
      RAWORC_BASE_IMAGE_TAG: await sessionImage(),
    },
    directory,
  );
  children.push(controller);
  await controller.untilEvent('controller.ready');
  const env = { PATH: path, HOME: directory, RAWORC_URL: `http://127.0.0.1:${http}` };
  const raworc = async (...args: readonly string[]) => (await run(bin('raworc'), args, { env, cwd: directory, timeout: 60_000 })).stdout;
  await raworc('login', '--password-file', join(directory, 'controller', 'admin-password'));
  const page = await fetch(`http://127.0.0.1:${http}/docs`);
  t.equal(page.status, 200, 'the reference page has its files');

  const data = join(directory, 'node');
  const nodeAgent = bin('raworc-node-agent');
  const places = ['--data', data, '--run-dir', join(directory, 'r')];
  /** Runs the line that `raworc node token` prints, with more flags. */
  const joinLine = async (...flags: readonly string[]) => {
    const [program, ...words] = (await raworc('node', 'token')).trim().split(' ');
    t.equal(program, 'raworc-node-agent');
    return async (...more: readonly string[]) => (await run(nodeAgent, [...words, ...places, ...flags, ...more], { env })).stdout;
  };
  const startAgent = async () => {
    const agent = new Child('node agent', nodeAgent, ['run', ...places], { PATH: path }, directory);
    children.push(agent);
    await agent.untilEvent('node.ready', 60_000);
    return agent;
  };
  const joinAs = await joinLine('--name', 'packed');
  await t.rejects(joinAs('--docker-socket', '/nonexistent'), { code: 1, stdout: /✗ Docker[\s\S]*→ /, stderr: /token is unused/ });
  await t.rejects(joinAs('--label', 'zone=a/b'), { code: 1, stderr: /label is invalid/ });
  t.match(
    await joinAs('--label', 'zone=a', '--label', 'disk=nvme'),
    /✓ Docker[\s\S]*✓ clock[\s\S]*joined as packed[\s\S]*raworc-node-agent run --data=/,
    'the token was still good',
  );
  await t.rejects(run(nodeAgent, ['run', '--dta', data], { env }), { code: 2, stderr: /--dta/ });
  let agent = await startAgent();

  await raworc('agent', 'deploy', join(root, 'examples', 'hello-python'));
  const session = (await raworc('session', 'new')).trim();
  t.match(await raworc('chat', session, 'packed?'), /You said: packed\?/);
  t.match(await raworc('node', 'list'), new RegExp(`packed .*${version}`));
  t.match(await raworc('node', 'get', 'packed'), /disk=nvme zone=a/);

  t.equal(await agent.end('SIGTERM'), 'code 0');
  await (await joinLine('--name', 'renamed'))();
  agent = await startAgent();
  t.match(await raworc('chat', session, 'again?'), /That is message 2/, 'under another name it is the same node, with its sessions');
  t.notMatch(await raworc('node', 'list'), /packed/);
  await raworc('session', 'rm', session);
  t.equal(await agent.end('SIGTERM'), 'code 0');
  t.equal(await controller.end('SIGTERM'), 'code 0');
});
