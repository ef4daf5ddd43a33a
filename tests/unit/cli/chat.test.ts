import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import t from 'tap';
import { type Asked, fakeServer, frame, keyboard, send, stream, world } from './world.ts';

const ID = '7d9f1f6e-3f0c-4c39-a1c7-0f6d3c8f0001';
const EVENTS = `GET /sessions/${ID}/events`;
const POST = `POST /sessions/${ID}/messages`;
const LIST = `GET /sessions/${ID}/messages`;

const message = (id: string, content: string, metadata: object = {}, role = 'user') => ({
  id,
  session_id: ID,
  seq: 1,
  role,
  content,
  metadata,
});
const posted = { status: 201, body: message('m1', 'hello') };
const piece = (number: number, text: string, more: object = {}) =>
  frame('delta', { session_id: ID, message_id: 'm1', run_id: 'r1', agent: 'a', number, text, ...more });
const reply = (content: string, to = 'm1') =>
  frame('message.created', { message: message('m2', content, { type: 'agent_response', in_reply_to: to }, 'agent') }, 'e1-9');
const failure = (content: string, reason: string) =>
  frame('message.created', { message: message('m2', content, { type: 'error_response', reason, in_reply_to: 'm1' }, 'agent') }, 'e1-9');

const CANCEL = `${POST}/m1/cancel`;

/** The stream is opened before the message is posted, and answers once it was. */
function talking(...frames: string[]) {
  let open: ServerResponse | undefined;
  return {
    [EVENTS]: (response: ServerResponse, _asked: Asked) => {
      stream()(response, _asked);
      open = response;
    },
    [POST]: (response: ServerResponse, _asked: Asked) => {
      open?.write(frames.join(''));
      response.writeHead(201, { 'content-type': 'application/json' });
      response.end(JSON.stringify(posted.body));
    },
  };
}

t.test('replies are printed once, piece by piece, whatever happens in between', async (t) => {
  const cases: { name: string; frames: string[]; out: string; code?: number; err?: RegExp }[] = [
    { name: 'the answer alone', frames: [reply('Hi!')], out: 'Hi!\n' },
    { name: 'pieces, then the same', frames: [piece(1, 'H'), piece(2, 'i!'), reply('Hi!')], out: 'Hi!\n' },
    { name: 'a piece is missing', frames: [piece(1, 'H'), piece(3, '!'), reply('Hi!')], out: 'Hi!\n' },
    { name: 'a piece comes twice', frames: [piece(1, 'H'), piece(1, 'H'), piece(2, 'i!'), reply('Hi!')], out: 'Hi!\n' },
    { name: 'another text after all', frames: [piece(1, 'Hm'), reply('Hi!')], out: 'Hm\nHi!\n' },
    { name: 'pieces of another run', frames: [piece(1, 'H'), piece(2, 'o', { run_id: 'r2' }), reply('Hi!')], out: 'Hi!\n' },
    {
      name: 'of other messages',
      frames: [piece(1, 'no', { message_id: 'm0' }), reply('No!', 'm0'), frame('session.state', { session: {} }), reply('Hi!\n')],
      out: 'Hi!\n',
    },
    {
      name: 'a failure',
      frames: [piece(1, 'H'), failure('It broke', 'agent_failed')],
      out: 'H\n',
      code: 1,
      err: /✗ It broke \(agent_failed\)/,
    },
    { name: 'the end of the session', frames: [frame('session.deleted', {})], out: '', code: 1, err: /session was deleted/ },
  ];
  for (const { name, frames, out, code = 0, err = /^$/ } of cases) {
    const server = await fakeServer(t, talking(...frames));
    const { run } = await world(t, server);
    t.match(await run('chat', ID, 'hello'), { code, out: new RegExp(`^${out.replaceAll('\n', '\\n')}$`), err }, name);
    t.same(server.requests(), [EVENTS, POST], name);
    t.same(server.asked[1]?.json, { content: 'hello' });
  }
});

t.test('a broken stream is resumed, and a missed answer is found', async (t) => {
  const server = await fakeServer(t, {
    ...talking(piece(1, 'H')),
    [LIST]: {
      body: [
        message('m0', 'no', { in_reply_to: 'm9' }, 'agent'),
        message('m2', 'Hi!', { type: 'agent_response', in_reply_to: 'm1' }, 'agent'),
      ],
    },
  });
  let opened = 0;
  server.routes[EVENTS] = (response: ServerResponse, asked: Asked) => {
    opened += 1;
    stream(frame('session.state', {}, 'e1-5'))(response, asked);
    if (opened === 1) response.end();
  };
  const { run } = await world(t, server);
  t.match(await run('chat', ID, 'hello'), { code: 0, out: 'Hi!\n' });
  const again = server.asked.filter(({ path }) => path.endsWith('/events'))[1];
  t.equal(again?.headers['last-event-id'], 'e1-5');
});

t.test('without a terminal the message is read from standard input', async (t) => {
  const server = await fakeServer(t, talking(reply('Hi!')));
  const { start } = await world(t, server);
  t.match(await start(['chat', ID], Readable.from(['two\n', 'lines\n'])).done, { code: 0, out: 'Hi!\n' });
  t.same(server.asked[1]?.json, { content: 'two\nlines' });
  t.match(await start(['chat', ID], Readable.from([])).done, { code: 1, err: /message is empty/ });
});

t.test('on a terminal it chats until Ctrl-D; a signal also exits while it waits', async (t) => {
  const server = await fakeServer(t, talking(reply('Hi!')));
  const { start } = await world(t, server);
  const keys = keyboard();
  const talk = start(['chat', ID], keys);
  keys.write('hello\r');
  await printed(talk.out, 'Hi!\n');
  keys.write('\u0004');
  t.match(await talk.done, { code: 0 });
  t.equal(server.requests().filter((request) => request === EVENTS).length, 1, 'one stream for the whole talk');

  const endless = await world(t, await fakeServer(t, talking(piece(1, 'PIECE'))));
  const more = keyboard();
  const left = endless.start(['chat', ID], more);
  more.write('hello\r');
  await printed(left.out, 'PIECE');
  left.leave.abort();
  t.match(await left.done, { code: 0, err: '' });
});

t.test('Ctrl-C cancels the message that waits, and the conversation goes on', async (t) => {
  let open: ServerResponse | undefined;
  const server = await fakeServer(t, talking(piece(1, 'PIECE')));
  const events = server.routes[EVENTS];
  server.routes[EVENTS] = (response: ServerResponse, asked: Asked) => {
    open = response;
    if (typeof events === 'function') events(response, asked);
  };
  server.routes[CANCEL] = (response: ServerResponse) => {
    open?.write(failure('The message was cancelled', 'cancelled'));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(posted.body));
  };
  const { start } = await world(t, server);
  const keys = keyboard();
  const talk = start(['chat', ID], keys);
  keys.write('hello\r');
  await printed(talk.out, 'PIECE');
  keys.write('\u0003');
  await printed(talk.err, 'cancelled)');
  keys.write('\u0003');
  t.match(await talk.done, { code: 1, err: /Cancelling[\s\S]*The message was cancelled \(cancelled\)/ }, 'without a message it leaves');
  t.same(
    server.requests().filter((request) => request.endsWith('/cancel')),
    [CANCEL],
  );
});

t.test('a second Ctrl-C leaves, and says why the message could not be cancelled', async (t) => {
  const server = await fakeServer(t, talking(piece(1, 'PIECE')));
  server.routes[CANCEL] = { status: 403, body: { error: { code: 'FORBIDDEN', message: 'Only its owner.' } } };
  const { start } = await world(t, server);
  const keys = keyboard();
  const talk = start(['chat', ID], keys);
  keys.write('hello\r');
  await printed(talk.out, 'PIECE');
  keys.write('\u0003');
  await printed(talk.err, 'Only its owner.');
  keys.write('\u0003');
  t.match(await talk.done, { code: 0, err: /Ctrl-C again leaves it\n✗ Cannot cancel the message: Only its owner\.\n/ });
});

function printed(out: readonly string[], wanted: string): Promise<void> {
  return new Promise((resolve) => {
    const look = () => (out.join('').includes(wanted) ? resolve() : void setImmediate(look));
    look();
  });
}

t.test('a message is repeated under its key if the server restarts meanwhile', async (t) => {
  const server = await fakeServer(t, talking(reply('Hi!')));
  const answer = server.routes[POST];
  let tries = 0;
  server.routes[POST] = (response: ServerResponse, asked: Asked) => {
    tries += 1;
    if (tries === 1) response.destroy();
    else if (typeof answer === 'function') answer(response, asked);
  };
  const { run } = await world(t, server);
  t.match(await run('chat', ID, 'hello'), { code: 0, out: 'Hi!\n' });
  const keys = server.asked.filter(({ method }) => method === 'POST').map(({ headers }) => headers['idempotency-key']);
  t.equal(keys.length, 2);
  t.match(keys[0], /^[0-9a-f-]{36}$/);
  t.equal(keys[0], keys[1]);
});

t.test('while no answer comes it says why, each reason once, and nothing once the answer begins', async (t) => {
  const reasons: (string | null)[] = ['The node node-1 is unreachable.', 'The node node-1 is unreachable.', null];
  const looked = Promise.withResolvers<void>();
  let open: ServerResponse | undefined;
  const server = await fakeServer(t, {
    [EVENTS]: (response, asked) => {
      stream()(response, asked);
      open = response;
    },
    [POST]: posted,
    [`GET /sessions/${ID}`]: (response) => {
      const reason = reasons.shift();
      if (reasons.length === 0) looked.resolve();
      send(response, 200, { id: ID, state: 'idle', settled: true, waiting_reason: reason });
    },
  });
  const delays: number[] = [];
  const after = (ms: number, run: () => void) => {
    if (ms < 5_000) return () => undefined;
    delays.push(ms);
    const timer = setImmediate(() => reasons.length > 0 && run());
    return () => clearImmediate(timer);
  };
  const { start } = await world(t, server, { after });
  const talk = start(['chat', ID, 'hello']);
  await looked.promise;
  open?.write(reply('Hi!'));
  t.match(await talk.done, { code: 0, out: 'Hi!\n', err: /^Waiting: The node node-1 is unreachable\.\n$/ });
  t.same(delays.slice(0, 3), [5_000, 10_000, 10_000]);
});
