import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { judgeByProgress, watchBodies } from '../../../../controller/http/server/body-deadlines.ts';
import { answerUnreadable } from '../../../../controller/http/server/unreadable.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { HandClock } from '../../hand-clock.ts';

interface Sent {
  readonly clock: HandClock;
  readonly socket: Socket;
  readonly req: IncomingMessage;
  /** What the server answered so far. */
  answer(): string;
  send(bytes: string): Promise<void>;
}

/** A request with the beginning of its body. */
async function sent(t: Test, begin: (req: IncomingMessage) => void): Promise<Sent> {
  const clock = new HandClock();
  const requests: IncomingMessage[] = [];
  const server: Server = createServer((req, res) => {
    requests.push(req);
    begin(req);
    req.on('end', () => res.end('whole'));
    req.on('error', () => undefined);
  });
  server.requestTimeout = 0;
  answerUnreadable(server, systemRandom);
  watchBodies(server, clock);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.teardown(() => {
    socket.destroy();
    server.close();
  });
  let answer = '';
  socket.on('data', (bytes) => {
    answer += bytes;
  });
  socket.on('error', () => undefined);
  const arrived = once(server, 'request');
  socket.write('PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
  await arrived;
  const [req] = requests;
  if (req === undefined) throw new Error('no request');
  const send = async (bytes: string) => {
    const taken = once(req, 'data');
    socket.write(`${bytes.length.toString(16)}\r\n${bytes}\r\n`);
    await taken;
  };
  return { clock, socket, req, answer: () => answer, send };
}

t.test('a body takes five minutes at most, however steadily it comes', async (t) => {
  const { clock, socket, answer, send } = await sent(t, (req) => req.resume());
  for (let minute = 0; minute < 4; minute += 1) {
    await send('some');
    await clock.advance(60_000);
  }
  t.equal(answer(), '');
  const closed = once(socket, 'close');
  await send('some');
  await clock.advance(61_000);
  await closed;
  t.match(answer(), /^HTTP\/1\.1 408 [\s\S]*"REQUEST_TIMEOUT"/);
});

t.test('one that is judged by its progress takes as long as it takes', async (t) => {
  const { clock, socket, answer, send } = await sent(t, (req) => {
    judgeByProgress(req);
    req.resume();
  });
  for (let n = 0; n < 20; n += 1) {
    await send('some');
    await clock.advance(50_000);
  }
  t.equal(answer(), '');
  const whole = once(socket, 'data');
  socket.write('0\r\n\r\n');
  await whole;
  t.match(answer(), /^HTTP\/1\.1 200 [\s\S]*whole/);
});

t.test('it ends once nothing has come for a minute', async (t) => {
  const { clock, socket, answer, send } = await sent(t, (req) => {
    judgeByProgress(req);
    req.resume();
  });
  await send('some');
  const closed = once(socket, 'close');
  await clock.advance(50_000);
  t.equal(answer(), '');
  await clock.advance(12_000);
  await closed;
  t.match(answer(), /^HTTP\/1\.1 408 /);
});

t.test('while the server does not read, the client is not to blame', async (t) => {
  const { clock, req, answer, send } = await sent(t, (req) => {
    judgeByProgress(req);
    req.resume();
  });
  await send('some');
  req.pause();
  await clock.advance(3_600_000);
  t.equal(answer(), '');
  req.resume();
  await clock.advance(50_000);
  t.equal(answer(), '');
});
