import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { alone } from '../../../../node-agent/engine/firewall/lock.ts';
import { lockFile } from '../../../../seams/file-lock.ts';
import { startRig } from '../../controller/grpc/wire-rig.ts';

async function directoryFor(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'raworc-lock-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Another process that locks the file and holds it. */
async function holder(t: Test, path: string, before: readonly string[] = []) {
  const script = `import { lockFile } from ${JSON.stringify(new URL('../../../../seams/file-lock.ts', import.meta.url).href)};
    const lock = await lockFile(process.argv[1]); process.stdout.write(lock === undefined ? 'held\\n' : 'locked\\n'); setInterval(() => lock, 1000);`;
  const [program = '', ...args] = [...before, process.execPath, '--input-type=module', '-e', script, path];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const [line] = await once(createInterface(child.stdout), 'line');
  return { line: String(line), child };
}

t.test('a lock is held by one process, and free at once when that is killed', async (t) => {
  const path = join(await directoryFor(t), 'lock');
  const { line, child } = await holder(t, path);
  t.equal(line, 'locked');
  t.equal((await stat(path)).mode & 0o777, 0o600, 'nobody else can open it, and so nobody else can lock it');
  t.equal(await lockFile(path), undefined);
  t.equal((await holder(t, path)).line, 'held');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const lock = await lockFile(path);
  t.ok(lock);
  await lock?.close();
  const again = await lockFile(path);
  t.ok(again, 'and when it is closed');
  await again?.close();
});

t.test('a process in another network namespace is caught, too', async (t) => {
  const path = join(await directoryFor(t), 'lock');
  const lock = await lockFile(path);
  t.ok(lock);
  t.equal((await holder(t, path, ['unshare', '-n'])).line, 'held');
  await lock?.close();
});

t.test('two node agents do not work on the firewall of one namespace at once, and one that waits has its turn', async (t) => {
  const directory = await directoryFor(t);
  const order: string[] = [];
  let finish: () => void = () => undefined;
  const first = alone(
    'table',
    () =>
      new Promise<void>((resolve) => {
        order.push('first begins');
        finish = () => {
          order.push('first ends');
          resolve();
        };
      }),
    directory,
  );
  while (order.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const second = alone('table', async () => void order.push('second'), directory);
  await alone('other', async () => void order.push('other table'), directory);
  finish();
  await Promise.all([first, second]);
  t.same(order, ['first begins', 'other table', 'first ends', 'second']);
});

t.test('who takes the abstract names of before keeps no node agent from starting; a second one on the same data is refused', async (t) => {
  const rig = await startRig();
  t.teardown(() => rig.close());
  const directory = join(rig.directory, 'data');
  const squatter = createServer().listen('\0raworc-node-11111111-1111-4111-8111-111111111111');
  await once(squatter, 'listening');
  t.teardown(() => squatter.close());
  const main = fileURLToPath(new URL('../../../hollow/main.ts', import.meta.url));
  const start = () => {
    const args = [main, '--data', directory, '--name', '11111111-1111-4111-8111-111111111111', '--token-file', '-'];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin.end(rig.token());
    t.teardown(() => child.kill('SIGKILL'));
    return child;
  };
  const agent = start();
  const { nodeId, link } = await rig.nextArrival();
  t.equal(nodeId, '11111111-1111-4111-8111-111111111111', 'it starts, and dials');
  link.onMessage(() => undefined);
  const second = start();
  const [said, errors] = await Promise.all([text(second.stdout), text(second.stderr)]);
  t.match(`${said}${errors}`, /another node agent uses/);
  agent.kill('SIGKILL');
  await once(agent, 'exit');
  start();
  t.equal((await rig.nextArrival()).nodeId, '11111111-1111-4111-8111-111111111111', 'the next one starts at once');
});
