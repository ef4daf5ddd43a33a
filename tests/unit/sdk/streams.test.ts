import type { ServerResponse } from 'node:http';
import t from 'tap';
import type { EventFeed, FeedItem } from '../../../sdk/raworc.ts';
import { frames } from '../../../sdk/server-sent-events.ts';
import { type Asked, fakeServer, frame, stream } from '../cli/world.ts';
import { answered, cut, inTurn, refusal, SdkWorld } from './world.ts';

const ID = '7d9f1f6e-3f0c-4c39-a1c7-0f6d3c8f0001';
const EVENTS = `GET /sessions/${ID}/events`;
const MESSAGES = `/sessions/${ID}/messages`;

/** These bytes in these pieces, and then the end of the stream. */
const pieces =
  (...parts: readonly (string | Uint8Array)[]) =>
  (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const next = (at: number): void => {
      const part = parts[at];
      if (part === undefined) return void response.end();
      // In a turn of its own, so that it is a piece of its own.
      response.write(part, () => setImmediate(next, at + 1));
    };
    next(0);
  };

async function heard(feed: EventFeed, count: number): Promise<(FeedItem | undefined)[]> {
  const found: (FeedItem | undefined)[] = [];
  while (found.length < count) found.push(await feed.next());
  return found;
}
const event = (type: string, id: string | undefined, data: object) => ({ kind: 'event', type, id, data });

t.test('events are read however their bytes are split, and comments are skipped', async (t) => {
  const text = Buffer.from(
    'retry: 10\n: hello\n\nid: e1-1\r\nevent: a\r\ndata: {"x":"ü\u{1f600}"}\r\n\r\n: ping\n\nevent: b\ndata: {"y":\ndata: 1}\n\n',
  );
  const cases = [[text], Array.from(text, (byte) => Uint8Array.of(byte))];
  for (const parts of cases) {
    const server = await fakeServer(t, { 'GET /events': inTurn(pieces(...parts), stream()) });
    const feed = await new SdkWorld().client(server.url).events();
    t.same(await heard(feed, 2), [event('a', 'e1-1', { x: 'ü\u{1f600}' }), event('b', undefined, { y: 1 })]);
    await feed.close();
  }
});

t.test('an event that contains a Unicode line separator is read completely', async (t) => {
  const text = 'one\u2028two\u2029three\u0085four';
  const server = await fakeServer(t, { 'GET /events': stream(frame('log', { line: text }, 'e1-1')) });
  const feed = await new SdkWorld().client(server.url).events();
  t.match(await feed.next(), event('log', 'e1-1', { line: text }));
  await feed.close();
});

t.test('the time to read an event grows linearly with its size', async (t) => {
  const bytesMs = async (size: number) => {
    const text = Buffer.from(frame('a', { text: 'x'.repeat(size) }, 'e1-1'));
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < text.byteLength; at += 4096) controller.enqueue(text.subarray(at, at + 4096));
        controller.close();
      },
    });
    const startedAt = performance.now();
    let read = 0;
    const found = frames(new Response(body), { after: () => () => undefined }, new AbortController().signal, () => undefined);
    for await (const { data } of found) read += data.length;
    t.ok(read > size);
    return performance.now() - startedAt;
  };
  await bytesMs(2 ** 20);
  // Sixteen times as much: quadratic would be 256 times.
  const quickest = async (size: number) => Math.min(await bytesMs(size), await bytesMs(size), await bytesMs(size));
  const small = Math.max(1, await quickest(2 ** 20));
  t.ok((await quickest(2 ** 24)) < 100 * small);
});

t.test('a cut stream resumes after the last event, and reports it', async (t) => {
  const server = await fakeServer(t, {
    'GET /events': inTurn(
      pieces(frame('a', { n: 1 }, 'e1-1'), frame('delta', { n: 2 })),
      cut,
      refusal(503, 'STARTING'),
      pieces(frame('a', { n: 3 }, 'e1-2')),
      stream(frame('reset', { type: 'reset' }, 'e2-9'), frame('a', { n: 4 }, 'e2-10')),
    ),
  });
  const world = new SdkWorld();
  const feed = await world.client(server.url).events({ lastEventId: 'e1-0' });
  const resumed = { kind: 'resumed' };
  t.same(await heard(feed, 7), [
    event('a', 'e1-1', { n: 1 }),
    event('delta', undefined, { n: 2 }),
    resumed,
    event('a', 'e1-2', { n: 3 }),
    resumed,
    { kind: 'reset' },
    event('a', 'e2-10', { n: 4 }),
  ]);
  t.same(
    server.asked.map(({ headers }) => headers['last-event-id']),
    ['e1-0', 'e1-1', 'e1-1', 'e1-1', 'e1-2'],
  );
  t.ok(world.waitedMs.every((ms) => ms > 0));
  await feed.close();
});

t.test('without an event to resume from, a cut is a reset; a silent stream counts as cut', async (t) => {
  const world = new SdkWorld();
  const server = await fakeServer(t, { 'GET /events': stream() });
  const feed = await world.client(server.url).events();
  world.hearsNothing = true;
  t.same(await feed.next(), { kind: 'reset' });
  t.ok(server.asked.length >= 2);
  await feed.close();
});

t.test('a feed ends with its session, with a refusal, or when it is closed', async (t) => {
  const deleted = frame('session.deleted', { session_id: ID }, 'e1-1');
  const server = await fakeServer(t, { [EVENTS]: stream(deleted), 'GET /events': inTurn(pieces(deleted), refusal(401, 'UNAUTHORIZED')) });
  const raworc = new SdkWorld().client(server.url);
  const one = await raworc.events({ session: ID });
  t.match(await heard(one, 2), [{ type: 'session.deleted' }, undefined]);
  const all = await raworc.events();
  t.match(await all.next(), { type: 'session.deleted' }, 'which ends nothing for who watches all');
  await t.rejects(all.next(), { name: 'RaworcError', status: 401 });
  t.equal(await all.next(), undefined);
  const closed = await new SdkWorld().client((await fakeServer(t, { 'GET /events': stream() })).url).events();
  const waiting = closed.next().catch((error: unknown) => error);
  await closed.close();
  t.ok((await waiting) instanceof Error);
  await t.rejects(raworc.events({ session: 'none' }), { name: 'RaworcError', status: 404 });
});

const session = (state: string, more: object = {}) => ({ id: ID, state, termination_reason: null, ...more });
const state = (word: string, id: string, more: object = {}) => frame('session.state', { session: session(word, more) }, id);

t.test('waiting for a state uses events, reads the state after a reset, and never polls', async (t) => {
  const GET = `GET /sessions/${ID}`;
  const hearing = await fakeServer(t, {
    [GET]: answered(200, session('init')),
    [EVENTS]: inTurn(pieces(state('init', 'e1-1')), stream(state('busy', 'e1-2'), state('idle', 'e1-3'))),
  });
  t.match(await new SdkWorld().client(hearing.url).waitFor(ID, 'idle'), { state: 'idle' });
  t.same(hearing.requests(), [EVENTS, GET, EVENTS], 'the stream before the look');
  const reset = await fakeServer(t, {
    [GET]: inTurn(answered(200, session('init')), answered(200, session('busy'))),
    [EVENTS]: stream(frame('reset', {}, 'e2-1')),
  });
  t.match(await new SdkWorld().client(reset.url).waitFor(ID, ({ state }) => state === 'busy'), { state: 'busy' });

  const hopeless = [
    [state('error', 'e1-1', { termination_reason: 'disk full' }), /failed: disk full/],
    [frame('session.deleted', {}, 'e1-1'), /deleted/],
  ] as const;
  for (const [news, message] of hopeless) {
    const server = await fakeServer(t, { [GET]: answered(200, session('init')), [EVENTS]: stream(news) });
    await t.rejects(new SdkWorld().client(server.url).waitFor(ID, 'idle'), { name: 'NothingToCome', message });
  }
  const world = new SdkWorld();
  const late = await fakeServer(t, { [GET]: answered(200, session('init')), [EVENTS]: stream() });
  await t.rejects(world.client(late.url).waitFor(ID, 'idle', { timeoutMs: 500 }), { name: 'TimeoutError' });
});

const message = (id: string, content: string, metadata: object = {}, role = 'user') => ({ id, seq: 7, role, content, metadata });
const answer = message('m2', 'Hello you', { type: 'agent_response', in_reply_to: 'm1' }, 'agent');
const delta = (number: number, text: string) => frame('delta', { message_id: 'm1', run_id: 'r1', agent: 'a', number, text });
const created = (one: object, id: string) => frame('message.created', { message: one }, id);

/** The session's stream, to be written to, and the message that is posted to it. */
function talk(...rounds: readonly (readonly string[])[]) {
  let open: ServerResponse | undefined;
  let round = 0;
  return {
    [EVENTS]: (response: ServerResponse, asked: Asked) => {
      stream(...(round > 0 ? (rounds[round] ?? []) : []))(response, asked);
      open = response;
      round += 1;
    },
    [`POST ${MESSAGES}`]: (response: ServerResponse, asked: Asked) => {
      open?.write((rounds[0] ?? []).join(''), () => rounds.length > 1 && open?.end());
      answered(201, message('m1', 'Hello'))(response, asked);
    },
  };
}

t.test('an answer is streamed in pieces, and completed from the store', async (t) => {
  const server = await fakeServer(t, talk([delta(1, 'Hel'), delta(2, 'lo'), delta(2, 'lo'), delta(4, '!'), created(answer, 'e1-1')]));
  const said: string[] = [];
  const raworc = new SdkWorld().client(server.url);
  t.match(await raworc.send(ID, 'Hello', { agent: 'a', onDelta: (text) => said.push(text) }), answer);
  t.same(said, ['Hel', 'lo'], 'none twice, and none behind a gap');
  t.match(server.asked[1], { json: { content: 'Hello', metadata: { agent: 'a' } }, headers: { 'idempotency-key': 'key-1' } });
});

t.test('an answer sent while the stream was cut is found in the store', async (t) => {
  const server = await fakeServer(t, {
    ...talk([frame('run.started', {}, 'e1-1'), delta(1, 'Hel')], [delta(3, 'you')]),
    [`GET ${MESSAGES}`]: answered(200, [message('m0', 'no', { in_reply_to: 'm9' }, 'agent'), answer]),
  });
  const said: string[] = [];
  t.match(await new SdkWorld().client(server.url).send(ID, 'Hello', { onDelta: (text) => said.push(text) }), answer);
  t.same(said, ['Hel']);
  t.match(server.requests(), [EVENTS, `POST ${MESSAGES}`, EVENTS, /role=agent&since=7/]);
});

t.test('a cleared message gets no answer, and waiting for it ends', async (t) => {
  const cleared = (upTo: number) => frame('messages.cleared', { up_to_seq: upTo }, 'e1-1');
  const server = await fakeServer(t, talk([cleared(6), cleared(7)]));
  await t.rejects(new SdkWorld().client(server.url).send(ID, 'Hello'), { name: 'NothingToCome', message: /cleared/ });
  const missed = await fakeServer(t, { ...talk([], [frame('reset', {}, 'e2-1')]), [`GET ${MESSAGES}`]: answered(200, []) });
  await t.rejects(new SdkWorld().client(missed.url).send(ID, 'Hello'), {
    name: 'NothingToCome',
    message: /cleared, or the server was restored/,
  });
});
