/** What the listener of E2B does with what is no request. */
import { once } from 'node:events';
import { createServer, type ServerOptions } from 'node:https';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import t, { type Test } from 'tap';
import { answerUnreadable } from '../../../../controller/e2b/unreadable.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { privateCa } from '../http/certificates.ts';

const ca = await privateCa();

/** Returns the port of a listener. */
async function listening(t: Test, options: ServerOptions = {}): Promise<number> {
  const server = createServer({ ...(await ca.issue()), ...options });
  answerUnreadable(server, systemRandom);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

t.test('what is not HTTP is answered', async (t) => {
  const socket = connectTls({ host: '127.0.0.1', port: await listening(t), ca: ca.pem });
  socket.write('this is no request\r\n\r\n');
  const answer = await text(socket);
  t.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
  t.match(answer, /The request is not valid HTTP/);
});

t.test('an expectation that nobody meets is refused as everything else is', async (t) => {
  const socket = connectTls({ host: '127.0.0.1', port: await listening(t), ca: ca.pem });
  socket.write('GET / HTTP/1.1\r\nHost: e2b\r\nExpect: a miracle\r\nConnection: close\r\n\r\n');
  const answer = await text(socket);
  t.match(answer, /^HTTP\/1\.1 417 /);
  t.match(answer, /\r\nX-Request-Id: \S+\r\n/);
  t.match(answer, /"code":417,"message":"The server does not meet/);
});

t.test('a connection whose handshake takes too long is closed', async (t) => {
  const slow = connect(await listening(t, { handshakeTimeout: 50 }), '127.0.0.1');
  slow.on('error', () => undefined).resume();
  await once(slow, 'close');
});
