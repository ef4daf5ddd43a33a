import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { type Rig, startRig } from './fakes.ts';

const MIB = 1024 * 1024;

async function open(t: Test, rig: Rig): Promise<Socket> {
  const socket = connect(rig.server.port, '127.0.0.1');
  socket.on('error', () => undefined);
  t.teardown(async () => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

const head = (path: string, length: number) =>
  `PUT /api/v0${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/gzip\r\nContent-Length: ${length}\r\n\r\n`;

async function rigFor(t: Test): Promise<Rig> {
  const rig = await startRig([]);
  t.teardown(() => rig.server.close(0));
  return rig;
}

t.test('a large body that is answered before it was read stays with its client', async (t) => {
  const rig = await rigFor(t);
  const socket = await open(t, rig);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  const ended = once(socket, 'end');
  socket.write(head('/spaces/s/agents/a/source', 256 * MIB));
  const bytes = Buffer.alloc(MIB);
  let isFull = false;
  const send = () => {
    while (!socket.destroyed && !isFull) isFull = !socket.write(bytes);
  };
  send();
  socket.on('drain', () => {
    isFull = false;
    send();
  });
  await ended;
  t.match(answer, /^HTTP\/1\.1 401 /, 'without credentials');
  t.match(answer, /\r\nConnection: close\r\n/i);
  const sent = socket.bytesWritten;
  t.ok(sent < 32 * MIB, `what the kernel took: ${sent}`);

  // As the clock allows, at 4 MiB per second, and no longer than 30 s.
  const closed = new Promise((resolve) => socket.once('close', resolve));
  rig.clock.forward(30_000);
  await closed;
});

t.test('a small body is thrown away, and the connection is used again', async (t) => {
  const rig = await rigFor(t);
  const socket = await open(t, rig);
  socket.write(`${head('/spaces/s/agents/a/source', MIB)}${'x'.repeat(MIB)}`);
  const [first] = await once(socket, 'data');
  t.match(String(first), /^HTTP\/1\.1 401 /);
  t.notMatch(String(first), /Connection: close/i);
  socket.write('GET /api/v0/version HTTP/1.1\r\nHost: x\r\n\r\n');
  const [second] = await once(socket, 'data');
  t.match(String(second), /^HTTP\/1\.1 200 /);
});

t.test('a client that takes its answer and leaves is forgotten at once', async (t) => {
  const rig = await rigFor(t);
  const socket = await open(t, rig);
  socket.write(`${head('/spaces/s/agents/a/source', 2 * MIB)}${'x'.repeat(1000)}`);
  const [answer] = await once(socket, 'data');
  t.match(String(answer), /^HTTP\/1\.1 401 /);
  const timers = () => rig.clock.timers;
  t.ok(timers() > 0);
  socket.destroy();
  while (timers() > 0) await new Promise<void>((resolve) => setImmediate(resolve));
});

t.test('of connections whose bodies are discarded, the oldest make room', async (t) => {
  const rig = await rigFor(t);
  const sockets: Socket[] = [];
  for (let at = 0; at < 66; at += 1) {
    const socket = connect({ port: rig.server.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined);
    t.teardown(async () => socket.destroy());
    const ended = new Promise((resolve) => socket.once('end', resolve));
    socket.resume().write(head('/spaces/s/agents/a/source', 2 * MIB));
    await ended;
    sockets.push(socket);
  }
  // The kernel tells a client of it when it sends.
  const isCut = (socket: Socket) =>
    new Promise<boolean>((resolve) => {
      socket.once('close', () => resolve(true));
      socket.write('x', () => setImmediate(() => socket.write('x', (fault) => resolve(fault instanceof Error))));
    });
  t.same(await Promise.all([0, 1, 2, 65].map((at) => (sockets[at] === undefined ? undefined : isCut(sockets[at])))), [
    true,
    true,
    false,
    false,
  ]);
});
