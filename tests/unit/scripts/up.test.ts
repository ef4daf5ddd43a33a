import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readSettings } from '../../../controller/settings/settings.ts';
import { isAlive } from '../../../scripts/machine/process.ts';
import { Child, endLeftovers } from '../../../scripts/up/child.ts';
import { lockDirectory } from '../../../scripts/up/lock.ts';
import { boundedLog, renderLogLine } from '../../../scripts/up/log-line.ts';
import { nodeEnvironment, nodesOfThisMachine } from '../../../scripts/up/parts.ts';
import { freePort, refuseTaken } from '../../../scripts/up/ports.ts';
import { NODE_AGENT_SETTINGS } from '../../../settings/names.ts';

function directory(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'raworc-up-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A process that says that it is ready, with its pid, and then stays. */
const program = "console.log(JSON.stringify({ at: 'x', event: 'ready', pid: process.pid })); setInterval(() => undefined, 1000);";

function child(dataDir: string, onLine: (name: string, line: string) => void = () => undefined): Child {
  const file = join(dataDir, 'program.mjs');
  writeFileSync(file, program);
  const isReady = (_line: string, entry: { readonly event: string } | undefined) => entry?.event === 'ready';
  return new Child({ name: 'part', program: process.execPath, args: [file], env: {}, dataDir, onLine, isReady });
}

t.test('a log line is rendered for people, with its time, its process and short ids', async (t) => {
  const line =
    '{"at":"2026-01-02T10:00:01.000Z","level":"info","process":"node","event":"session.running","session":"4123be3f-b71e-4954-bcef-99efceb8e861","note":"a b","none":null,"count":3}';
  t.match(renderLogLine('node-1', line), /^\d\d:\d\d:01 {2}node-1 +session\.running {2}session=4123be3f note="a b" count=3$/);
  t.match(renderLogLine('node-1', 'Error: {"no": 1}'), /node-1 +Error: \{"no": 1\}$/);
  t.match(renderLogLine('node-1', '{"event":'), /\{"event":$/);
});

t.test('the node agents that a shutdown of the controller stops are those of this machine', async (t) => {
  t.match(readSettings({ RAWORC_SHUTDOWN_NODES: nodesOfThisMachine(3) }), { value: { shutDownNodes: ['node-1', 'node-2', 'node-3'] } });
  t.match(readSettings({ RAWORC_SHUTDOWN_NODES: nodesOfThisMachine(0) }), { value: { shutDownNodes: [] } }, 'none');
});

t.test('a log keeps the newest lines within its bound', async (t) => {
  const path = join(directory(t), 'x.log');
  const log = boundedLog(path, 2000);
  for (let number = 0; number < 500; number += 1) log(`line ${number}`);
  t.ok(statSync(path).size + statSync(`${path}.1`).size <= 2100);
  t.match(readFileSync(path, 'utf8'), /line 499\n$/);
});

t.test('one run locks a directory, and a killed run leaves no lock', async (t) => {
  const dataDir = directory(t);
  const unlock = await lockDirectory(dataDir);
  await t.rejects(lockDirectory(dataDir), { message: /already runs/, remedy: /RAWORC_DATA_DIR/ });
  (await lockDirectory(directory(t)))();
  unlock();
  const script = `import { lockDirectory } from ${JSON.stringify(new URL('../../../scripts/up/lock.ts', import.meta.url).href)};
    await lockDirectory(${JSON.stringify(dataDir)}); console.log('locked'); setInterval(() => undefined, 1000);`;
  const other = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(other.stdout, 'data');
  await t.rejects(lockDirectory(dataDir), { message: /already runs/ });
  other.kill('SIGKILL');
  await once(other, 'exit');
  (await lockDirectory(dataDir))();
});

t.test('nodes get every setting of a node agent, and none of the controller', async (t) => {
  const settings = Object.fromEntries(NODE_AGENT_SETTINGS.map((name) => [`RAWORC_${name}`, 'x']));
  const others = { RAWORC_ADMIN_PASSWORD: 'x', RAWORC_NATS_TOKEN: 'x', AWS_SECRET_ACCESS_KEY: 'x' };
  t.same(nodeEnvironment({ PATH: '/bin', ...settings, ...others }), { PATH: '/bin', ...settings });
});

t.test('a port in use is refused with the name of its setting, or replaced by another', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await t.rejects(refuseTaken('127.0.0.1', port, 'RAWORC_HTTP_PORT'), { message: new RegExp(`port ${port}`), remedy: /RAWORC_HTTP_PORT/ });
  t.not(await freePort('127.0.0.1', port), port);
});

t.test('a process that exits by itself is restarted, and a stopped one is not', async (t) => {
  const told: string[] = [];
  let onReady: (pid: number) => void = () => undefined;
  const part = child(directory(t), (_name, line) => {
    told.push(line);
    const { event, pid } = JSON.parse(line) as { event: string; pid: number };
    if (event === 'ready') onReady(pid);
  });
  const entry = await part.start();
  const first = Number(entry?.fields.pid);
  t.ok(isAlive(first));
  part.keep();
  const next = new Promise<number>((resolve) => {
    onReady = resolve;
  });
  process.kill(first, 'SIGKILL');
  const second = await next;
  t.not(second, first);
  t.ok(
    told.some((line) => line.includes('part.ended')),
    'that it ended was told',
  );
  await part.stop(5000);
  t.notOk(isAlive(second));
});

t.test('the next run stops the processes of a killed one, and nothing else', async (t) => {
  const dataDir = directory(t);
  const left = child(dataDir);
  const pid = Number((await left.start())?.fields.pid);
  const otherDir = directory(t);
  const other = Number((await child(otherDir).start())?.fields.pid);
  await endLeftovers(dataDir);
  t.notOk(isAlive(pid));
  t.ok(isAlive(other), 'another directory has a run of its own');
  await endLeftovers(otherDir);
  t.notOk(isAlive(other));
});

t.test('a process that exits before it is ready shows its last lines', async (t) => {
  const dataDir = directory(t);
  const part = child(dataDir);
  writeFileSync(join(dataDir, 'program.mjs'), "console.error('no such setting'); process.exit(3);");
  await t.rejects(part.start(), { message: /part ended with 3 before it was ready[\s\S]*no such setting/, remedy: /part\.log/ });
});
