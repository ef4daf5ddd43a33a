import { get, type IncomingMessage } from 'node:http';
import t from 'tap';
import { ACCOUNT, event, type Rig, SESSION, SPACE, startRig } from './http-fakes.ts';

let rig: Rig;
t.beforeEach(async () => {
  rig = await startRig();
});
t.afterEach(() => rig.server.close(0));

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** An open stream: what has come so far, and a promise that it has ended. */
async function open(path: string, headers: Record<string, string> = {}) {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${rig.server.url}/api/v0${path}`, { headers: { authorization: `Bearer ${rig.token}`, ...headers }, agent: false }, resolve).on(
      'error',
      reject,
    );
  });
  const stream = {
    response,
    text: '',
    ended: new Promise<void>((resolve) => response.on('close', resolve)),
    /** Resolves once `part` has come. */
    async until(part: string) {
      while (!stream.text.includes(part)) {
        if (response.closed) throw new Error(`ended without ${part}`);
        await turn();
      }
    },
  };
  response.on('error', () => {});
  response.setEncoding('utf8').on('data', (chunk: string) => {
    stream.text += chunk;
  });
  return stream;
}

const watcherOf = (index = 0) => {
  const entry = rig.fake.watchers[index];
  if (entry === undefined) throw new Error('nobody watches');
  return entry;
};

t.test('events carry an id that resumes, the session’s own number, and what REST shows of the thing', async (t) => {
  const stream = await open(`/sessions/${SESSION}/events`, { 'last-event-id': 'e2-40' });
  t.equal(stream.response.headers['content-type'], 'text/event-stream; charset=utf-8');
  t.match(stream.response.headers['cache-control'], 'no-cache');
  const { watcher, after } = watcherOf();
  t.same(after, { epoch: 2, number: 40 });
  t.ok(watcher.event(event(41), { epoch: 2, number: 41 }));
  t.ok(watcher.delta({ spaceId: SPACE, sessionId: SESSION, messageId: 'm', runId: 'r', agent: 'a', number: 1, text: 'two\nlines' }));
  t.ok(watcher.log({ spaceId: SPACE, sessionId: SESSION, runId: 'r', agent: 'a', stream: 'stdout', line: 'x', at: 0, dropped: 2 }));
  t.ok(watcher.reset({ epoch: 3, number: 9 }));
  await stream.until('event: reset');
  const frames = stream.text.split('\n\n').slice(1, -1);
  t.match(frames[0], /^id: e2-41\nevent: session.state\ndata: /);
  t.same(JSON.parse(frames[0]?.split('data: ')[1] ?? ''), {
    number: 41,
    type: 'session.state',
    session_id: SESSION,
    space: 'default',
    at: '1970-01-01T00:00:00.000Z',
    state: 'idle',
  });
  t.match(frames[1], /^event: delta\ndata: .*"number":1,"text":"two\\nlines"/);
  t.match(frames[2], /^event: log\ndata: .*"dropped":2/);
  t.match(frames[3], /^id: e3-9\nevent: reset/);
});

t.test('a stream that nothing happens on gives a sign of life', async () => {
  const stream = await open('/events');
  for (let i = 0; i < 3; i++) rig.clock.forward(5000);
  await stream.until(': ping');
});

t.test('a stream ends', async (t) => {
  const endings: Record<string, () => void> = {
    'when the account’s tokens were ended': () => {
      rig.fake.version++;
      rig.clock.forward(5000);
    },
    'at once, when its caller lost something': () => {
      rig.fake.version++;
      for (const tell of rig.fake.rightsListeners) tell({ accounts: new Set([ACCOUNT]), tokens: new Set(), keys: new Set() });
    },
    'at once, when the session is no longer to be seen by its caller': () => {
      rig.fake.visible = false;
      for (const tell of rig.fake.rightsListeners) tell({ accounts: new Set([ACCOUNT]), tokens: new Set(), keys: new Set() });
    },
    'when its token expires': () => rig.clock.forward(24 * 3600 * 1000 + 1000),
    'at the next look, when the session is there and not to be seen any more': () => {
      rig.fake.visible = false;
      rig.clock.forward(5000);
    },
    'with the news that gave the session a name that its caller may not see': () => {
      rig.fake.visible = false;
      t.notOk(watcherOf().watcher.event(event(2, 'session.updated'), { epoch: 1, number: 2 }));
    },
    'a while after the session was deleted': () => {
      rig.fake.visible = rig.fake.there = false;
      for (let i = 0; i < 7; i++) rig.clock.forward(5000);
    },
    'after the session’s last event': () => t.notOk(watcherOf().watcher.event(event(2, 'session.deleted'), { epoch: 1, number: 2 })),
    'when no more will come': () => watcherOf().watcher.end(),
    'when the server closes': () => void rig.server.close(5000),
  };
  for (const [name, cause] of Object.entries(endings)) {
    await rig.server.close(0);
    rig = await startRig();
    const stream = await open(`/sessions/${SESSION}/events`);
    cause();
    await stream.ended;
    t.ok(stream.response.complete, name);
    t.ok(watcherOf().closed, `${name}, and its watch with it`);
  }
});

t.test('the last event of a session that is deleted still comes', async (t) => {
  const stream = await open(`/sessions/${SESSION}/events`);
  rig.fake.visible = rig.fake.there = false;
  for (let i = 0; i < 3; i++) rig.clock.forward(5000);
  t.notOk(watcherOf().watcher.event(event(2, 'session.deleted'), { epoch: 1, number: 2 }));
  await stream.ended;
  t.match(stream.text, /event: session.deleted/);
});

t.test('a client that goes away closes its watch', async (t) => {
  const stream = await open('/events');
  stream.response.destroy();
  while (!watcherOf().closed) await turn();
  t.notOk(rig.logged.some((line) => line.startsWith('http.fault')));
  t.equal(rig.clock.timers, 0);
});

t.test('a reader that does not read is cut off past the bound, and others are not', async (t) => {
  const slow = await open('/events');
  slow.response.pause();
  const quick = await open('/events');
  const text = 'x'.repeat(64 * 1024);
  const delta = (number: number) => ({ spaceId: SPACE, sessionId: SESSION, messageId: 'm', runId: 'r', agent: 'a', number, text });
  let number = 0;
  while (watcherOf(0).watcher.delta(delta(number))) {
    number++;
    t.ok(watcherOf(1).watcher.delta(delta(number)) || number < 0);
    await quick.until(`"number":${number},`);
    if (number > 1000) throw new Error('it is never cut off');
  }
  t.ok(watcherOf(0).closed);
  slow.response.resume();
  await slow.ended;
  t.notOk(slow.response.complete, 'cut, and not ended: the client comes back with its Last-Event-ID');
  t.ok(rig.logged.some((line) => line.startsWith('events.slow_reader_cut')));
});

t.test('who may not see a session gets the same 404 for its events; HEAD opens no stream', async (t) => {
  t.equal((await rig.call('/events', { method: 'HEAD' })).status, 200);
  rig.fake.visible = false;
  t.equal((await rig.call(`/sessions/${SESSION}/events`)).status, 404);
  t.same(rig.fake.watchers, []);
});
