import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { fakeServer, frame, send, stream } from './world.ts';

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

t.test('SIGINT cancels the message of a chat, and a second one leaves', { timeout: 60_000 }, async (t) => {
  const messages = `/sessions/${SESSION}/messages`;
  const message = { id: 'm1', session_id: SESSION, seq: 1, role: 'user', content: 'hello', metadata: {} };
  const piece = frame('delta', { session_id: SESSION, message_id: 'm1', run_id: 'r1', agent: 'a', number: 1, text: 'PIECE' });
  const cancelled = Promise.withResolvers<void>();
  let open: ServerResponse | undefined;
  const server = await fakeServer(t, {
    [`GET /sessions/${SESSION}/events`]: (response, asked) => {
      stream()(response, asked);
      open = response;
    },
    [`POST ${messages}`]: (response) => {
      open?.write(piece);
      send(response, 201, message);
    },
    [`POST ${messages}/m1/cancel`]: (response) => {
      send(response, 200, message);
      cancelled.resolve();
    },
  });
  const child = spawn(process.execPath, [raworc, 'chat', SESSION, 'hello'], {
    env: { ...process.env, RAWORC_URL: server.url, RAWORC_TOKEN: 'token' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  await cancelled.promise;
  t.equal(child.exitCode, null, 'it waits for the answer');
  child.kill('SIGINT');
  const [code] = await once(child, 'exit');
  t.equal(code, 130);
});
