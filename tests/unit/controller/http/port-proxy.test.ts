/** A request to a program in a session, as the controller passes it on. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import Koa from 'koa';
import t from 'tap';
import { accepted } from '../../../../controller/domain/engine/outcome.ts';
import { proxyRequest } from '../../../../controller/http/ports/port-proxy.ts';
import { watchBodies } from '../../../../controller/http/server/body-deadlines.ts';
import { answerUnreadable } from '../../../../controller/http/server/unreadable.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { HandClock } from '../../hand-clock.ts';

const MINUTE_MS = 60_000;

t.test('a body for a program can take longer than a body for the API', async (t) => {
  const clock = new HandClock();
  const program = createServer(async (req, res) => res.end(await text(req))).listen(0, '127.0.0.1');
  await once(program, 'listening');
  const programPort = (program.address() as AddressInfo).port;

  const app = new Koa();
  app.use(async (ctx) => {
    const wanted = {
      target: '/',
      inward: {
        port: 80,
        prefix: '',
        host: 'localhost',
        client: '192.0.2.1',
        clientHost: 'x',
        scheme: 'http' as const,
        isSecret: () => false,
      },
      outward: { isShared: false, prefix: '', port: 80 },
      proof: { kind: 'anonymous' } as never,
      isAllowed: () => true,
      open: async () => {
        const connection = connect(programPort, '127.0.0.1');
        await once(connection, 'connect');
        return accepted(connection as never);
      },
    };
    await proxyRequest(ctx, wanted, { clock, streams: { add: () => undefined, delete: () => undefined } as never });
  });
  const server = createServer(app.callback());
  answerUnreadable(server, systemRandom);
  server.requestTimeout = 0;
  watchBodies(server, clock);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.teardown(() => {
    client.destroy();
    server.close();
    program.closeAllConnections();
    program.close();
  });
  let answer = '';
  client.on('data', (bytes) => {
    answer += bytes;
  });
  client.on('error', () => undefined);

  const begun = once(program, 'request');
  const send = (bytes: string) => client.write(`${bytes.length.toString(16)}\r\n${bytes}\r\n`);
  client.write('POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n');
  send('some');
  const [arriving] = await begun;
  for (let minute = 1; minute < 8; minute += 1) {
    await clock.advance(MINUTE_MS);
    const arrived = once(arriving, 'data');
    send('some');
    await arrived;
  }
  client.write('0\r\n\r\n');
  await once(client, 'close');
  t.match(answer, /200 OK/);
  t.match(answer, 'some'.repeat(8));
});
