import { fileURLToPath } from 'node:url';
import { createContext, Script } from 'node:vm';
import { build } from 'esbuild';
import t from 'tap';
import { fakeServer, frame, stream } from '../cli/world.ts';
import { answered } from './world.ts';

const ID = '7d9f1f6e-3f0c-4c39-a1c7-0f6d3c8f0001';

/** What browsers have and the client may use. Nothing of Node.js is among it. */
const WEB = [
  ...[
    'AbortController',
    'AbortSignal',
    'Blob',
    'DOMException',
    'Headers',
    'ReadableStream',
    'Request',
    'Response',
    'TextDecoder',
    'URLSearchParams',
  ],
  ...['atob', 'clearTimeout', 'crypto', 'fetch', 'performance', 'setTimeout'],
] as const;

const PAGE = `(async () => {
  const raworc = new sdk.Raworc({ url, token: 'e30.e30.x' });
  const session = await raworc.sessions.create({ space: 'default' });
  const pieces = [];
  const answer = await raworc.send(session.id, 'Hello', { onDelta: (text) => pieces.push(text) });
  const error = await raworc.nodes.list().catch((error) => error);
  return JSON.stringify([session.id, pieces, answer.content, error instanceof sdk.RaworcError, error.status]);
})()`;

t.test('the client is one bundle that runs in a browser', async (t) => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../../../sdk/raworc.ts', import.meta.url))],
    bundle: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'sdk',
    target: 'es2022',
    minify: true,
    write: false,
  });
  const code = outputFiles[0]?.text ?? '';
  t.ok(code.length < 40_000, `${code.length} bytes`);
  const message = (id: string, content: string, role: string, metadata: object = {}) => ({ id, seq: 1, role, content, metadata });
  const answer = message('m2', 'Hello you', 'agent', { in_reply_to: 'm1' });
  const server = await fakeServer(t, {
    'POST /sessions': answered(201, { id: ID }),
    [`POST /sessions/${ID}/messages`]: answered(201, message('m1', 'Hello', 'user')),
    [`GET /sessions/${ID}/events`]: stream(
      frame('delta', { message_id: 'm1', run_id: 'r', number: 1, text: 'Hello' }),
      frame('message.created', { message: answer }, 'e1-1'),
    ),
  });
  const page = createContext({ url: server.url, ...Object.fromEntries(WEB.map((name) => [name, globalThis[name]])) });
  new Script(code).runInContext(page);
  const said: unknown = await new Script(PAGE).runInContext(page);
  t.equal(said, JSON.stringify([ID, ['Hello'], 'Hello you', true, 404]));
  t.match(server.asked[0]?.headers['idempotency-key'], /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
