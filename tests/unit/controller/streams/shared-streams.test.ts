/** Short streams of a session share one byte stream. */
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import type { NodeId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { accepted, refused } from '../../../../controller/domain/engine/outcome.ts';
import { SharedStreams } from '../../../../controller/services/streams/shared-streams.ts';
import { MAX_BYTE_STREAMS } from '../../../../controller/services/streams/stream-bounds.ts';
import type { StreamKinds } from '../../../../guest/streams/stream-kinds.ts';
import { ByteStream } from '../../../../proto/streams/byte-stream.ts';
import { Channels } from '../../../../proto/streams/channels.ts';
import { StreamError } from '../../../../proto/streams/reasons.ts';
import { SHARED } from '../../../../proto/streams/shared-stream.ts';
import type { StreamFrame } from '../../../../proto/streams/stream-frame.ts';
import { linkPair } from '../../../hollow/link-pair.ts';
import { HandClock } from '../../hand-clock.ts';
import { type StreamPath, streamPath } from './stream-path.ts';

const kinds: StreamKinds = {
  echo: async (stream, parameters) => {
    const { word = '' } = { ...(parameters as { word?: string }) };
    stream.end(`${word}${await buffer(stream)}`);
  },
  wait: (stream) => void stream.resume(),
};

async function opened(made: StreamPath, kind: string, parameters: object = {}): Promise<ByteStream> {
  const outcome = await made.open(kind, { parameters, isShort: true });
  if (!outcome.ok) throw new Error(outcome.refusal.message);
  return outcome.value;
}

async function answer(made: StreamPath, word: string, input = ''): Promise<string> {
  const stream = await opened(made, 'echo', { word });
  stream.end(input);
  return String(await buffer(stream));
}

/** A path whose shared stream is open. */
async function shared(t: Test): Promise<StreamPath> {
  const made = await streamPath(kinds);
  t.teardown(() => made.close());
  await answer(made, 'first');
  while (made.broker.open !== 1 || made.guest.open !== 1 || made.tunnels.open !== 1) await new Promise((resolve) => setTimeout(resolve, 5));
  return made;
}

const failure = (stream: ByteStream) => once(stream, 'error').then(([error]) => (error instanceof StreamError ? error.reason : error));

t.test('the first short stream does not wait for the shared one, and later ones take no ticket', async (t) => {
  const made = await shared(t);
  t.same(
    made.announced.map(({ kind }) => kind),
    ['echo', SHARED],
  );
  const large = 'x'.repeat(3_000_000);
  const answers = await Promise.all([answer(made, 'a', large), ...Array.from({ length: 20 }, (_, at) => answer(made, `b${at}`))]);
  t.equal(answers[0], `a${large}`);
  t.same(
    answers.slice(1),
    Array.from({ length: 20 }, (_, at) => `b${at}`),
  );
  t.equal(made.announced.length, 2);
  t.equal(made.broker.openTo(made.session.nodeId), 1, 'the node has one call for all');
});

t.test('streams in a shared one count like any other', async (t) => {
  const made = await shared(t);
  const streams = await Promise.all(Array.from({ length: MAX_BYTE_STREAMS.ofSession }, () => opened(made, 'wait')));
  t.match(await made.open('wait', { isShort: true }), { ok: false, refusal: { code: 'RATE_LIMITED', details: { scope: 'session' } } });
  t.match(await made.open('wait'), { ok: false, refusal: { code: 'RATE_LIMITED', details: { scope: 'session' } } });
  for (const stream of streams) stream.destroy();
  while (made.left() > 3) await new Promise((resolve) => setTimeout(resolve, 5));
  t.equal(await answer(made, 'again'), 'again');
});

t.test('what cannot be served is refused, and the rest goes on', async (t) => {
  const made = await shared(t);
  t.equal(await failure(await opened(made, 'wood')), 'unknown_kind');
  t.equal(await answer(made, 'still'), 'still');
});

t.test('an end that resets its stream resets that one only', async (t) => {
  const made = await shared(t);
  const [one, other] = await Promise.all([opened(made, 'wait'), opened(made, 'wait')]);
  one.destroy();
  await once(one, 'close');
  t.notOk(other.destroyed);
  t.equal(await answer(made, 'here'), 'here');
});

t.test('streams end with the session, the guest and the node agent, and say why', async (t) => {
  const ended = await shared(t);
  const first = failure(await opened(ended, 'wait'));
  ended.broker.committed({ mutations: [{ kind: 'remove', table: 'sessions', id: ended.session.id } as never] });
  t.equal(await first, 'session_ended');
  for (const kill of ['killGuest', 'killNodeAgent'] as const) {
    const made = await shared(t);
    const lost = failure(await opened(made, 'wait'));
    await made[kill]();
    t.match(await lost, /session_ended|node_lost/);
    while (made.left() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
});

t.test('a shared stream closes when it was idle, and follows the session to its next generation', async (t) => {
  const clock = new HandClock();
  const target = { id: 's' as SessionId, nodeId: 'n' as NodeId, generation: 1 };
  const asked: number[] = [];
  const ends: ByteStream[] = [];
  const streams = new SharedStreams({
    clock,
    async open({ generation }) {
      asked.push(generation);
      const [near, far] = linkPair<StreamFrame, StreamFrame>(clock);
      const guest = new ByteStream(far, { credit: 1024 * 1024, lost: 'node_lost' });
      new Channels(guest, clock, { opened: ({ link }) => void new ByteStream(link, { lost: 'node_lost' }).on('error', () => undefined) });
      const stream = new ByteStream(near, { window: 1024 * 1024, granted: 1024 * 1024, lost: 'node_lost' });
      ends.push(stream);
      return accepted(stream);
    },
  });
  const open = { kind: 'wait', parametersJson: '{}' };
  t.equal(streams.start(target, open, 1), undefined);
  await clock.advance(10);
  const link = streams.start(target, open, 1);
  t.ok(link);
  await clock.advance(120_000);
  t.notOk(ends[0]?.destroyed, 'it is in use');
  link?.close();
  await clock.advance(120_000);
  t.ok(ends[0]?.destroyed);
  t.equal(streams.start(target, open, 1), undefined);
  await clock.advance(10);
  t.ok(streams.start(target, open, 1));
  t.equal(streams.start({ ...target, generation: 2 }, open, 1), undefined, 'it is another life of the session');
  await clock.advance(10);
  t.ok(streams.start({ ...target, generation: 2 }, open, 1));
  t.same(asked, [1, 1, 2]);
  streams.close();
});

t.test('a guest that has no shared streams is not asked again and again', async (t) => {
  const clock = new HandClock();
  const target = { id: 's' as SessionId, nodeId: 'n' as NodeId, generation: 1 };
  let asked = 0;
  const streams = new SharedStreams({
    clock,
    async open() {
      asked += 1;
      return refused('UNAVAILABLE', 'unknown kind');
    },
  });
  const start = () => streams.start(target, { kind: 'wait', parametersJson: '{}' }, 1);
  for (let turn = 0; turn < 5; turn += 1) {
    t.equal(start(), undefined);
    await clock.advance(1000);
  }
  t.equal(asked, 1);
  await clock.advance(60_000);
  t.equal(start(), undefined);
  await clock.advance(1);
  t.equal(asked, 2);
});
