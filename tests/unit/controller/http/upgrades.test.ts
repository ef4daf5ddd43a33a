import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { isOriginAllowed } from '../../../../controller/http/upgrades/origin.ts';
import { type Rig, startRig } from './fakes.ts';

async function rigWith(t: Test, origins: readonly string[] = []): Promise<Rig> {
  const rig = await startRig(origins);
  t.teardown(() => rig.server.close(0));
  return rig;
}

async function open(t: Test, rig: Rig): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: rig.server.port });
  socket.on('error', () => undefined);
  t.teardown(async () => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
const request = (path: string, headers: string) => `GET /api/v0${path} HTTP/1.1\r\nHost: raworc.test\r\n${headers}\r\n`;

/** All that comes until the server closes the connection. */
async function untilClosed(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

async function answerTo(t: Test, rig: Rig, path: string, headers: string): Promise<string> {
  const socket = await open(t, rig);
  socket.write(request(path, headers));
  return untilClosed(socket);
}

t.test('a request for a WebSocket passes the routes, and gets an ordinary answer from one that takes none', async (t) => {
  const rig = await rigWith(t);
  const asAdmin = `${UPGRADE}Authorization: Bearer ${rig.token}\r\n`;
  const found = await answerTo(t, rig, '/auth/me', asAdmin);
  t.match(found, /^HTTP\/1\.1 200 OK\r\n/);
  t.match(found, /Connection: close\r\n/i);
  t.match(found, /"user":"admin"/);
  t.match(await answerTo(t, rig, '/auth/me', UPGRADE), /^HTTP\/1\.1 401 [\s\S]*"code":"UNAUTHORIZED"/);
  t.match(await answerTo(t, rig, '/nowhere', asAdmin), /^HTTP\/1\.1 404 /);
  t.match(await answerTo(t, rig, '/auth/me', `${asAdmin}Host: two\r\n`), /^HTTP\/1\.1 400 [\s\S]*exactly one Host/);
  t.match(await answerTo(t, rig, '/auth/me', `${UPGRADE}Sec-WebSocket-Protocol: raworc.v0, raworc.ticket.x\r\n`), /^HTTP\/1\.1 401 /);
});

t.test('pages of other origins are refused, unless they can call the API', async (t) => {
  const rig = await rigWith(t, ['https://app.example']);
  const from = (origin: string) => answerTo(t, rig, '/auth/me', `${UPGRADE}Authorization: Bearer ${rig.token}\r\nOrigin: ${origin}\r\n`);
  t.match(await from('https://evil.example'), /^HTTP\/1\.1 403 [\s\S]*RAWORC_CORS_ORIGINS/);
  t.match(await from('null'), /^HTTP\/1\.1 403 /);
  t.match(await from('https://app.example'), /^HTTP\/1\.1 200 /);
  t.match(await from('http://raworc.test'), /^HTTP\/1\.1 200 /);
  t.equal(isOriginAllowed({ headers: { origin: 'https://a.b:8443', host: 'A.B:8443' } }, []), true);
  t.equal(isOriginAllowed({ headers: { origin: 'https://a.b', host: 'a.b:8443' } }, []), false);
  t.equal(isOriginAllowed({ headers: { origin: 'https://x', host: 'a.b' } }, ['*']), true);
});

t.test('requests for other protocols are answered as if they had not asked, and keep the connection', async (t) => {
  const rig = await rigWith(t);
  const socket = await open(t, rig);
  for (const headers of ['Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n', '']) {
    socket.write(request('/auth/me', `${headers}Authorization: Bearer ${rig.token}\r\n`));
    const [answer] = await once(socket, 'data');
    t.match(String(answer), /^HTTP\/1\.1 200 OK\r\n[\s\S]*keep-alive/i);
  }
});

t.test('a handler that owns a request gets its connection, and the server closes it at its end', async (t) => {
  const rig = await rigWith(t);
  rig.upgrades.add({
    owns: ({ headers }) => headers.host === 'preview.test',
    handle: ({ socket, head }) => {
      socket.write(`mine ${head}`);
      socket.pipe(socket);
    },
  });
  const socket = await open(t, rig);
  socket.write(`GET / HTTP/1.1\r\nHost: preview.test\r\n${UPGRADE}\r\nhead`);
  const [first] = await once(socket, 'data');
  t.equal(String(first), 'mine head');
  socket.write('more');
  t.equal(String((await once(socket, 'data'))[0]), 'more');
  t.equal(rig.upgrades.open, 1);
  t.match(await answerTo(t, rig, '/auth/me', `${UPGRADE}Authorization: Bearer ${rig.token}\r\n`), /^HTTP\/1\.1 200 /);
  const ended = untilClosed(socket);
  await rig.server.close(0);
  await ended;
  while (rig.upgrades.open > 0) await new Promise((resolve) => setImmediate(resolve));
});
