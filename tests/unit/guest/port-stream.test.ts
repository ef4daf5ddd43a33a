/** Streams to ports, with real connections on the loopback. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { listeningPorts } from '../../../guest/ports/listening.ts';
import { connectPort } from '../../../guest/ports/system-ports.ts';
import { portStream, portsStream } from '../../../guest/streams/port.ts';
import type { StreamHandler } from '../../../guest/streams/stream-kinds.ts';
import { ByteStream } from '../../../proto/streams/byte-stream.ts';
import { decodeDialled, type ListeningPort, PortsDecoder } from '../../../proto/streams/port-stream.ts';
import type { StreamError } from '../../../proto/streams/reasons.ts';
import type { StreamFrame } from '../../../proto/streams/stream-frame.ts';
import { systemClock } from '../../../seams/system.ts';
import { linkPair } from '../../hollow/link-pair.ts';
import { HandClock } from '../hand-clock.ts';

const WINDOW = 64 * 1024;

const opened: { destroy(): void }[] = [];
t.afterEach(() => {
  for (const one of opened.splice(0)) one.destroy();
});

function open(handler: StreamHandler, parameters: unknown): ByteStream {
  const [near, far] = linkPair<StreamFrame, StreamFrame>(systemClock);
  const guest = new ByteStream(far, { credit: WINDOW, lost: 'node_lost' });
  guest.on('error', () => undefined);
  Promise.resolve(handler(guest, parameters)).catch((error: Error) => guest.destroy(error));
  const stream = new ByteStream(near, { window: WINDOW, granted: WINDOW, lost: 'guest_lost' });
  stream.on('error', () => undefined);
  opened.push(stream, guest);
  return stream;
}
const toPort = (port: unknown, dial = connectPort) => open(portStream(dial, systemClock), { port });

async function program(t: Test, host: string, serve: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    opened.push(socket);
    serve(socket);
  });
  server.listen(0, host);
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Reads the first byte, which says how connecting ended. */
async function dialled(stream: ByteStream): Promise<string> {
  const [first] = (await once(stream, 'data')) as [Buffer];
  stream.pause();
  if (first.byteLength > 1) stream.unshift(first.subarray(1));
  return decodeDialled(first[0]);
}

t.test('bytes pass both ways, and each direction ends alone', async (t) => {
  for (const host of ['127.0.0.1', '::1']) {
    const port = await program(t, host, async (socket) => socket.end(`got ${(await buffer(socket)).toString()}`));
    const stream = toPort(port);
    t.equal(await dialled(stream), 'connected', host);
    stream.end('all of it');
    t.equal((await buffer(stream)).toString(), 'got all of it');
    t.ok(stream.isComplete);
  }
});

t.test('a program that reads nothing stops the sender, and one that nobody reads is stopped', async (t) => {
  const accepted = Promise.withResolvers<Socket>();
  const port = await program(t, '127.0.0.1', (socket) => accepted.resolve(socket.pause()));
  const stream = toPort(port);
  t.equal(await dialled(stream), 'connected');
  const socket = await accepted.promise;
  // More than the kernel keeps of a connection that nobody reads.
  const all = Buffer.alloc(32 * 1024 * 1024, 'x');
  let isWritten = false;
  stream.write(all, () => {
    isWritten = true;
  });
  t.equal(await dialled(toPort(port)), 'connected');
  t.notOk(isWritten, 'the sender waits');
  const drained = once(stream, 'drain');
  socket.resume();
  await drained;
  stream.destroy();
  await t.rejects(once(socket, 'end'), { code: 'ECONNRESET' }, 'and learns that the reader left');
});

t.test('how connecting failed is named', async (t) => {
  const port = await program(t, '127.0.0.1', () => undefined);
  const free = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
  t.equal(await dialled(toPort(free)), 'refused');
  const failing = (code: string) => () => {
    const socket = connect({ host: '127.0.0.1', port });
    queueMicrotask(() => socket.destroy(Object.assign(new Error(code), { code })));
    return socket;
  };
  t.equal(await dialled(toPort(1, failing('EACCES'))), 'failed');
  for (const wrong of [0, 65_536, '80', undefined, 1.5]) {
    const error = await once(toPort(wrong), 'error').catch((thrown: unknown) => [thrown]);
    t.equal((error[0] as StreamError).reason, 'protocol', String(wrong));
  }
});

t.test('a connection that stays silent is given up', async (t) => {
  const clock = new HandClock();
  const never: Socket[] = [];
  const stream = open(
    portStream(() => {
      const socket = new Socket();
      never.push(socket);
      return socket;
    }, clock),
    { port: 80 },
  );
  for (let tries = 0; tries < 2; tries += 1) {
    while (never.length <= tries) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(10_000);
  }
  t.equal(await dialled(stream), 'timeout');
});

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const row = (local: string, state = '0A', at = 0) =>
  `   ${at}: ${local} ${'0'.repeat(local.length - 5)}:0000 ${state} 00000000:00000000 00:00000000 00000000  1000        0 123 1 0 100 0 0 10 0\n`;

t.test('the kernel’s tables become a list of ports', (t) => {
  const four = [HEAD, row('0100007F:1435'), row('00000000:0050'), row('0B00007F:A001'), row('0100007F:1436', '01'), 'rubbish\n'].join('');
  const six = HEAD + row('00000000000000000000000001000000:1435') + row('00000000000000000000000000000000:0050');
  t.same(listeningPorts(four, six), [
    { port: 80, addresses: ['0.0.0.0', '::'] },
    { port: 5173, addresses: ['127.0.0.1', '::1'] },
  ]);
  const many =
    HEAD + Array.from({ length: 1000 }, (_, at) => row(`00000000:${(at + 1).toString(16).toUpperCase().padStart(4, '0')}`)).join('');
  t.equal(listeningPorts(many).length, 256);
  t.same(listeningPorts('', ''), []);
  t.end();
});

t.test('a follower gets the list at once, and again when it changes', async (t) => {
  const clock = new HandClock();
  let table = HEAD + row('00000000:0050');
  const reads: number[] = [];
  const stream = open(
    portsStream(async () => {
      reads.push(clock.monotonic());
      return [table];
    }, clock),
    { follow: true },
  );
  const decoder = new PortsDecoder();
  const next = async (): Promise<readonly ListeningPort[] | undefined> =>
    decoder.decode(((await once(stream, 'data')) as [Buffer])[0]).at(-1);
  t.match(await next(), [{ port: 80 }]);
  const changed = next();
  await clock.advance(1000);
  table = HEAD;
  await clock.advance(1000);
  t.same(await changed, []);
  stream.end();
  await once(stream, 'close');
  const count = reads.length;
  await clock.advance(10_000);
  t.equal(reads.length, count, 'and nothing is read for nobody');
});
