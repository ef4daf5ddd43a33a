import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import t from 'tap';
import { type Codec, guestFrames, hostFrames, ProtocolError } from '../../../proto/codec.ts';
import { framedLink } from '../../../proto/framed-link.ts';
import { systemClock } from '../../../seams/system.ts';
import { seeded } from '../journal/simulated-disk.ts';

const lines: Codec<string> = {
  encode: (frame) => Buffer.from(frame),
  decode(bytes) {
    const text = Buffer.from(bytes).toString();
    if (text.startsWith('!')) throw new ProtocolError('garbage');
    return text;
  },
};

/** The peer's bytes go in by hand; what is written is kept, and acknowledged only when `release` is called where `slow`. */
function handMade(slow = false) {
  const written: Buffer[] = [];
  let release = () => {};
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk);
      if (slow) release = done;
      else done();
    },
  });
  return { stream, written, release: () => release() };
}

const framed = (text: string) => {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(Buffer.byteLength(text));
  return Buffer.concat([head, Buffer.from(text)]);
};
const options = { encode: lines, decode: lines, clock: systemClock };
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

t.test('a large frame that comes byte by byte arrives', async (t) => {
  const { stream } = handMade();
  const link = framedLink(stream, options);
  const got: string[] = [];
  link.onMessage((frame) => got.push(frame));
  const text = Array.from({ length: 20_000 }, (_, at) => at).join();
  for (const byte of Buffer.concat([framed(text), framed('next')])) {
    stream.push(Buffer.of(byte));
    if (byte === 44) await turn();
  }
  await turn();
  t.same(got, [text, 'next']);
});

t.test('frames arrive complete and in order, however the bytes are split', async (t) => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const fraction = seeded(seed);
    const sent = Array.from({ length: 20 }, (_, index) => `${index}`.padEnd(Math.floor(fraction() * 40), '.'));
    const bytes = Buffer.concat(sent.map(framed));
    const { stream } = handMade();
    const link = framedLink(stream, options);
    const got: string[] = [];
    link.onMessage((frame) => got.push(frame));
    for (let at = 0; at < bytes.byteLength; ) {
      const cut = at + 1 + Math.floor(fraction() * 30);
      stream.push(bytes.subarray(at, cut));
      if (fraction() < 0.3) await turn();
      at = cut;
    }
    await turn();
    await turn();
    t.strictSame(got, sent, `seed ${seed}`);
    link.close();
  }
});

t.test('garbage, an oversized frame or a truncated one ends the link once, with the error', async (t) => {
  const huge = Buffer.alloc(4);
  huge.writeUInt32BE(101);
  const cases: readonly [string, Buffer, boolean][] = [
    ['garbage', Buffer.concat([framed('good'), framed('!'), framed('after')]), false],
    ['oversized', Buffer.concat([framed('good'), huge, framed('after')]), false],
    ['cut', Buffer.concat([framed('good'), framed('after').subarray(0, 5)]), true],
  ];
  for (const [name, bytes, end] of cases) {
    const { stream } = handMade();
    const link = framedLink(stream, { ...options, maxFrameBytes: 100 });
    const got: string[] = [];
    const faults: (Error | undefined)[] = [];
    link.onMessage((frame) => got.push(frame));
    const closed = new Promise<void>((resolve) =>
      link.onClose((fault) => {
        faults.push(fault);
        resolve();
      }),
    );
    stream.push(bytes);
    if (end) stream.push(null);
    await closed;
    await turn();
    t.strictSame(got, ['good'], name);
    t.match(faults, [ProtocolError], name);
    t.equal(link.send('late'), false, name);
    t.ok(stream.destroyed, name);
  }
});

t.test('a full queue refuses frames, keeps nothing of them, and reports when there is room', async (t) => {
  const { stream, written, release } = handMade(true);
  const link = framedLink(stream, { ...options, queueBytes: 100 });
  t.equal(link.send('x'.repeat(200)), true, 'one frame is taken whatever its size');
  t.equal(link.send('refused'), false);
  const drained = new Promise<void>((resolve) => link.onDrain(resolve));
  const releasing = setInterval(release, 1);
  await drained;
  clearInterval(releasing);
  t.equal(link.send('taken'), true);
  const more = setInterval(release, 1);
  while (!Buffer.concat(written).includes('taken')) await turn();
  clearInterval(more);
  t.notOk(Buffer.concat(written).includes('refused'));
  link.close(new Error('done'));
});

t.test('pause holds back frames, including those received together with the one that caused it', async (t) => {
  const { stream } = handMade();
  const link = framedLink(stream, options);
  const got: string[] = [];
  link.onMessage((frame) => {
    got.push(frame);
    if (frame === 'two') link.pause();
  });
  stream.push(Buffer.concat(['one', 'two', 'three', 'four'].map(framed)));
  await turn();
  await turn();
  t.strictSame(got, ['one', 'two']);
  link.resume();
  stream.push(framed('five'));
  while (got.length < 5) await turn();
  t.strictSame(got, ['one', 'two', 'three', 'four', 'five']);
  link.close();
});

t.test('over a Unix socket both ends use the guest protocol, frames queued at close arrive, and both see the end once', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-link-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const server = net.createServer();
  server.listen(join(directory, 's'));
  await once(server, 'listening');
  t.teardown(() => server.close());
  const accepted = once(server, 'connection');
  const client = net.connect(join(directory, 's'));
  const [socket] = await accepted;
  const host = framedLink(socket as net.Socket, { encode: hostFrames, decode: guestFrames, clock: systemClock });
  const guest = framedLink(client, { encode: guestFrames, decode: hostFrames, clock: systemClock });
  const deltas: string[] = [];
  const ends: string[] = [];
  host.onMessage((frame) => {
    if (frame.kind === 'delta') deltas.push(frame.value.text);
  });
  const hostEnd = new Promise<void>((resolve) =>
    host.onClose((fault) => {
      ends.push(`host ${fault}`);
      resolve();
    }),
  );
  const guestEnd = new Promise<void>((resolve) =>
    guest.onClose((fault) => {
      ends.push(`guest ${fault}`);
      resolve();
    }),
  );
  for (let number = 1; number <= 100; number += 1) {
    guest.send({
      kind: 'delta',
      value: { sessionId: 's', messageId: 'm', runId: 'r', agent: 'a', number, text: 'ü'.repeat(number * 100) },
    });
  }
  guest.close();
  await Promise.all([hostEnd, guestEnd]);
  t.equal(deltas.length, 100);
  t.equal(deltas[99], 'ü'.repeat(10_000));
  t.strictSame(ends.sort(), ['guest undefined', 'host undefined']);
});

t.test('a sender that closes while the receiver is paused loses no frame', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-link-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const server = net.createServer();
  server.listen(join(directory, 's'));
  await once(server, 'listening');
  t.teardown(() => server.close());
  const accepted = once(server, 'connection');
  const client = net.connect(join(directory, 's'));
  const [socket] = await accepted;
  const left = framedLink(client, { encode: lines, decode: lines, clock: systemClock });
  const right = framedLink(socket as net.Socket, { encode: lines, decode: lines, clock: systemClock });
  const heard: string[] = [];
  const closed = new Promise<Error | undefined>((resolve) => right.onClose(resolve));
  left.onClose(() => undefined);
  right.onMessage((line) => {
    heard.push(line);
    if (heard.length > 2) return;
    right.pause();
    setTimeout(() => right.resume(), 20);
  });
  for (const line of ['a', 'b', 'c', 'd']) left.send(line);
  left.close();
  t.equal(await closed, undefined);
  t.same(heard, ['a', 'b', 'c', 'd']);
});
