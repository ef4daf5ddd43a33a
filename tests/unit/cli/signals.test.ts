import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { fakeServer, frame, stream } from './world.ts';

const raworc = fileURLToPath(new URL('../../../cli/raworc.mjs', import.meta.url));
const SESSION = 'aaaa1111-0000-4000-8000-000000000001';

t.test('a signal ends following of events on an open, silent stream', { timeout: 60_000 }, async (t) => {
  const news = stream(frame('node.ready', { at: 'now', node: { name: 'node-1' } }, '1'));
  const server = await fakeServer(t, { 'GET /events': news, [`GET /sessions/${SESSION}/events`]: news });
  for (const args of [['events'], ['events', '--json'], ['events', SESSION]]) {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const child = spawn(process.execPath, [raworc, ...args], {
        env: { ...process.env, RAWORC_URL: server.url, RAWORC_TOKEN: 'token' },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      t.teardown(() => child.kill('SIGKILL'));
      await once(child.stdout, 'data');
      child.kill(signal);
      const [code] = await once(child, 'exit');
      t.equal(code, 130, `${args.join(' ')}, ${signal}`);
    }
  }
});
