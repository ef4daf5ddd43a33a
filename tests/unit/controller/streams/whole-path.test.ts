import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import t, { type Test } from 'tap';
import { MAX_BYTE_STREAMS } from '../../../../controller/services/streams/stream-bounds.ts';
import type { StreamKinds } from '../../../../guest/streams/stream-kinds.ts';
import type { ByteStream } from '../../../../proto/streams/byte-stream.ts';
import { StreamError } from '../../../../proto/streams/reasons.ts';
import { type StreamPath, streamPath } from './stream-path.ts';

const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

async function path(t: Test, kinds: StreamKinds): Promise<StreamPath> {
  const made = await streamPath(kinds);
  t.teardown(() => made.close());
  return made;
}

async function opened(made: StreamPath, kind: string): Promise<ByteStream> {
  const outcome = await made.open(kind);
  if (!outcome.ok) throw new Error(outcome.refusal.message);
  return outcome.value;
}

/** Resolves when nothing is open anywhere. */
async function nothingLeft(made: StreamPath): Promise<void> {
  while (made.left() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

const failure = (stream: ByteStream) => once(stream, 'error').then(([error]) => (error instanceof StreamError ? error.reason : error));

t.test('bytes go both ways, in order and whole, each direction ends by itself, and nothing is left', async (t) => {
  const made = await path(t, {
    // Reads to the end before it answers: the other direction must still be open then.
    async echo(stream) {
      const all = await buffer(stream);
      await pipeline(Readable.from([all.subarray(0, 3), all.subarray(3)]), stream);
    },
  });
  const sent = randomBytes(9 * 1024 * 1024);
  const stream = await opened(made, 'echo');
  stream.end(sent);
  const heard = await buffer(stream);
  t.equal(hash(heard), hash(sent));
  await nothingLeft(made);
  t.ok(stream.isComplete);
});

t.test('a reader that does not read stops the writer, and both hold a window at most', async (t) => {
  const made = await path(t, {
    async zeros(stream) {
      stream.resume();
      const zeros = new Readable({
        read() {
          given += 65_536;
          this.push(Buffer.alloc(65_536));
        },
      });
      await pipeline(zeros, stream).catch(() => undefined);
    },
  });
  let given = 0;
  const outcome = await made.open('zeros', { window: 512 * 1024 });
  if (!outcome.ok) return t.fail(outcome.refusal.message);
  const stream = outcome.value;
  let before = -1;
  while (before !== given || stream.unreadBytes < 448 * 1024) {
    before = given;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  t.ok(stream.unreadBytes <= 512 * 1024, `${stream.unreadBytes} unread`);
  t.ok(given <= 1024 * 1024, `${given} bytes were made`);
  for (let read = 0; read < 2 * 1024 * 1024; read += (stream.read() as Buffer | null)?.byteLength ?? 0) await once(stream, 'readable');
  t.ok(given > 2 * 1024 * 1024, 'it went on');
  stream.destroy();
  await nothingLeft(made);
});

t.test('whoever ends a stream early is heard at the other end, with the reason, and nothing is left', async (t) => {
  const ends: string[] = [];
  const made = await path(t, {
    async wait(stream) {
      stream.resume();
      stream.write('ready');
      await once(stream, 'close').catch((error: unknown) => ends.push(error instanceof StreamError ? error.reason : String(error)));
    },
    fail(stream) {
      stream.write('ready');
      throw new StreamError('failed', 'The disk is on fire.');
    },
  });
  const wait = async () => {
    const stream = await opened(made, 'wait');
    await once(stream, 'readable');
    return stream;
  };
  (await wait()).destroy();
  await nothingLeft(made);
  t.same(ends.splice(0), ['cancelled'], 'the reader went');

  const failed = await opened(made, 'fail');
  const [error] = await once(failed, 'error');
  t.match(error, { reason: 'failed', message: 'The disk is on fire.' });
  await nothingLeft(made);

  const guestGone = await wait();
  const reason = failure(guestGone);
  made.killGuest();
  t.equal(await reason, 'session_ended');
  await nothingLeft(made);
  ends.splice(0);

  const ended = await wait();
  const end = failure(ended);
  made.tunnels.endOf(made.session.id, 'session_ended');
  t.equal(await end, 'session_ended');
  await nothingLeft(made);
  t.same(ends.splice(0), ['session_ended'], 'the session went');

  const lost = await wait();
  const why = failure(lost);
  await made.killNodeAgent();
  t.match(await why, /node_lost/);
  await nothingLeft(made);
  t.same(ends.splice(0), ['node_lost'], 'the node went');
});

t.test('a controller that goes ends the stream in the guest', async (t) => {
  const ended = Promise.withResolvers<string>();
  const made = await path(t, {
    async wait(stream) {
      stream.resume();
      stream.write('ready');
      stream.on('error', (error) => ended.resolve(error instanceof StreamError ? error.reason : String(error)));
    },
  });
  const stream = await opened(made, 'wait');
  await once(stream, 'readable');
  stream.on('error', () => undefined);
  await made.killController();
  t.equal(await ended.promise, 'controller_lost');
  await nothingLeft(made);
});

t.test('a ticket is good once, and for its own node alone', async (t) => {
  const made = await path(t, {
    wait(stream) {
      stream.resume();
      stream.write('ready');
    },
  });
  const stream = await opened(made, 'wait');
  const [{ ticket } = { ticket: '' }] = made.announced;
  t.equal(Buffer.from(ticket, 'base64url').byteLength, 32);
  const again = await made.other.stream(new AbortController().signal);
  const heard: string[] = [];
  again.onMessage((frame) => heard.push(frame.kind === 'reset' ? frame.reason : frame.kind));
  again.send({ kind: 'open', ticket });
  await new Promise<void>((resolve) => again.onClose(() => resolve()));
  t.same(heard, ['expired'], 'used already');

  // One that was not redeemed: another node comes with it first, then its own.
  const refused = made.broker.start({ ...made.session, id: 'of-nobody' as never }, { kind: 'wait', parameters: {} });
  await new Promise((resolve) => setImmediate(resolve));
  const stolen = await made.other.stream(new AbortController().signal);
  stolen.onMessage((frame) => heard.push(frame.kind === 'reset' ? frame.reason : frame.kind));
  stolen.send({ kind: 'open', ticket: made.announced.at(-1)?.ticket ?? '' });
  await new Promise<void>((resolve) => stolen.onClose(() => resolve()));
  t.same(heard, ['expired', 'expired'], 'not its own');
  t.equal(
    made.broker.refused(made.session.nodeId, { ticket: made.announced.at(-1)?.ticket ?? '', reason: 'guest_lost', message: '' }),
    true,
  );
  t.match(await refused, { ok: false, refusal: { code: 'UNAVAILABLE' } }, 'its own node still could');
  stream.destroy();
});

t.test('what cannot be opened is refused, and says why', async (t) => {
  const made = await path(t, { wait: (stream) => void stream.resume() });
  t.match(await made.open('wood'), { ok: false, refusal: { message: /does not support this kind/, details: { reason: 'unknown_kind' } } });
  const aborted = AbortSignal.abort();
  t.match(await made.open('wait', {}, aborted), { ok: false });
  const streams = await Promise.all(Array.from({ length: MAX_BYTE_STREAMS.ofSession }, () => opened(made, 'wait')));
  t.match(await made.open('wait'), {
    ok: false,
    refusal: { code: 'RATE_LIMITED', details: { scope: 'session', most: MAX_BYTE_STREAMS.ofSession } },
  });
  for (const stream of streams) stream.destroy();
  await nothingLeft(made);
  t.match(await made.open('wait'), { ok: true });
});

t.test('while the controller shuts down, a stream is refused for that, and not for the session', async (t) => {
  const made = await path(t, { wait: (stream) => void stream.resume() });
  made.broker.close();
  t.match(await made.open('wait'), { ok: false, refusal: { code: 'UNAVAILABLE', details: { reason: 'controller_lost' } } });
  t.same(made.announced, []);
});
