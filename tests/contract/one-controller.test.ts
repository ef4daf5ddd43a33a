import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { START_ENVIRONMENT } from '../start-environment.ts';
import { testDirectory } from '../test-directory.ts';

const PROGRAM = fileURLToPath(new URL('../../controller/raworc-controller.mjs', import.meta.url));
t.setTimeout(240_000);

/** A controller in a process of its own. Resolves with its first line of this event. */
async function serve(t: Test, directory: string, event: string, ports: Record<string, string> = {}) {
  const free = { RAWORC_HTTP_PORT: '0', RAWORC_NODE_PORT: '0', RAWORC_JOIN_PORT: '0', RAWORC_REGISTRY: 'off', RAWORC_NATS_URL: '' };
  const child = spawn(process.execPath, [PROGRAM, 'serve'], {
    env: { ...START_ENVIRONMENT, RAWORC_DATA_DIR: directory, ...free, ...ports },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  for await (const line of createInterface(child.stdout)) {
    const found: { event: string; error?: string; node_port?: number } = JSON.parse(line);
    if (found.event === event) return { child, exited, found };
  }
  throw new Error(`no ${event}`);
}

t.test('a second controller is refused for its data or its ports, and one starts once the first is killed', async (t) => {
  const directory = testDirectory(t, { data: {}, other: {} });
  const first = await serve(t, `${directory}/data`, 'controller.ready');
  const second = await serve(t, `${directory}/data`, 'controller.start_failed');
  t.match(second.found.error, /another controller runs on .*\. Stop it first, or set another data_dir$/);
  t.same((await second.exited)[0], 1);
  const port = first.found.node_port;
  const other = await serve(t, `${directory}/other`, 'controller.start_failed', { RAWORC_NODE_PORT: String(port) });
  t.equal(other.found.error, `another program listens on 127.0.0.1:${port}. Stop it, or set another http_port, node_port or join_port`);
  first.child.kill('SIGKILL');
  await serve(t, `${directory}/data`, 'controller.ready');
});

t.test('a damaged database keeps a controller from starting, and the line says which file and what to do', async (t) => {
  const directory = testDirectory(t, { data: {} });
  const first = await serve(t, `${directory}/data`, 'controller.ready');
  first.child.kill('SIGTERM');
  await first.exited;
  const file = `${directory}/data/controller/raworc.db`;
  for (const [offset, text] of [
    [4096, 'database disk image is malformed'],
    [0, 'file is not a database'],
  ] as const) {
    const database = await open(file, 'r+');
    await database.write(Buffer.alloc(8192, 'x'), 0, 8192, offset);
    await database.close();
    const { found, exited } = await serve(t, `${directory}/data`, 'controller.start_failed');
    t.equal(found.error, `Cannot open ${file}: ${text}. Restore the newest backup: raworc-controller restore FILE --force.`);
    t.same((await exited)[0], 1);
  }
});
