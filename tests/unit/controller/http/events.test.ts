import { get, type IncomingMessage } from 'node:http';
import t from 'tap';
import type { StoredEvent } from '../../../../controller/domain/events/events.ts';
import { eventFrames } from '../../../../controller/http/events/event-frames.ts';
import { MAX_UNSENT_BYTES } from '../../../../controller/http/events/frame-queue.ts';
import { ACCOUNT, event, plainIds, type Rig, SESSION, SPACE, startRig } from './fakes.ts';

let rig: Rig;
t.beforeEach(async () => {
  rig = await startRig();
});
t.afterEach(() => rig.server.close(0));

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function ask(path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(`${rig.server.url}/api/v0${path}`, { headers: { authorization: `Bearer ${rig.token}`, ...headers }, agent: false }, resolve).on(
      'error',
      reject,
    );
  });
}

/** An open stream: what has come so far, and a promise that it has ended. */
async function open(path: string, headers: Record<string, string> = {}) {
  const response = await ask(path, headers);
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
  t.equal(watcher.event(event(41), { epoch: 2, number: 41 }), 'more');
  t.equal(
    watcher.delta({ spaceId: SPACE, sessionId: SESSION, messageId: 'm', runId: 'r', agent: 'a', number: 1, text: 'two\nlines' }),
    'more',
  );
  t.equal(
    watcher.log({ spaceId: SPACE, sessionId: SESSION, runId: 'r', agent: 'a', stream: 'stdout', line: 'x', at: 0, dropped: 2 }),
    'more',
  );
  t.equal(watcher.reset({ epoch: 3, number: 9 }), 'more');
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
      t.equal(watcherOf().watcher.event(event(2, 'session.updated'), { epoch: 1, number: 2 }), 'over');
    },
    'a while after the session was deleted': () => {
      rig.fake.visible = rig.fake.there = false;
      for (let i = 0; i < 7; i++) rig.clock.forward(5000);
    },
    'after the session’s last event': () =>
      t.equal(watcherOf().watcher.event(event(2, 'session.deleted'), { epoch: 1, number: 2 }), 'over'),
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
  t.equal(watcherOf().watcher.event(event(2, 'session.deleted'), { epoch: 1, number: 2 }), 'over');
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

/** An open stream of which nothing is read but by `read`. */
async function unread(path: string) {
  const response = await ask(path);
  response.on('error', () => {});
  const taken: Buffer[] = [];
  let bytes = 0;
  response.on('data', (part: Buffer) => {
    taken.push(part);
    bytes += part.byteLength;
    response.pause();
  });
  response.pause();
  return {
    /** All that was taken, once so many bytes were. */
    async read(upTo: number) {
      while (bytes < upTo) {
        response.resume();
        await turn();
      }
      response.pause();
      return Buffer.concat(taken).toString();
    },
    close: () => response.destroy(),
  };
}

const large = (number: number): StoredEvent => ({ ...event(number), data: { text: 'x'.repeat(10_000) } });

const eventBytes = () => eventFrames(plainIds).event(large(1), { epoch: 1, number: 1 }).byteLength;

/** Gives a watcher events, on and on whenever it has room; how many it took. */
function feed(index: number) {
  const entry = watcherOf(index);
  const fed = { taken: 0, fulls: 0, isOver: false };
  const give = () => {
    for (;;) {
      const number = fed.taken + 1;
      const taken = entry.watcher.event(large(number), { epoch: 1, number });
      if (taken === 'more') fed.taken += 1;
      if (taken === 'full') fed.fulls += 1;
      if (taken === 'over') fed.isOver = true;
      if (taken !== 'more') return;
    }
  };
  entry.onResume = give;
  give();
  return fed;
}

t.test('a client that reads nothing costs a bounded amount, and is cut when it has not moved for 30 s', async (t) => {
  const stream = await unread('/events');
  t.teardown(stream.close);
  const fed = feed(0);
  t.equal(fed.taken, Math.ceil(MAX_UNSENT_BYTES / eventBytes()), 'in one turn, its bound and no more');
  const delta = { spaceId: SPACE, sessionId: SESSION, messageId: 'm', runId: 'r', agent: 'a', number: 1, text: '' };
  t.equal(watcherOf(0).watcher.delta(delta), 'full', 'partial output is not kept for it');
  // What the two kernels hold for it is taken too, and is no memory of this process.
  for (let took = -1; took < fed.taken; await turn()) {
    took = fed.taken;
    for (let turns = 0; turns < 20; turns += 1) await turn();
  }
  const before = fed.taken;
  for (let waitedMs = 0; waitedMs < 25_000; waitedMs += 5_000) rig.clock.forward(5_000);
  for (let turns = 0; turns < 20; turns += 1) await turn();
  t.notOk(watcherOf(0).closed, 'not before');
  t.equal(fed.taken, before);
  rig.clock.forward(10_000);
  t.ok(watcherOf(0).closed);
  t.equal(rig.logged.filter((line) => line.startsWith('events.slow_reader_cut')).length, 1);
});

t.test('a client that reads slowly gets everything in order and is not cut, while others are not held up', async (t) => {
  const slow = await unread('/events');
  t.teardown(slow.close);
  const quick = await open('/events');
  const fed = feed(0);
  let text = '';
  for (let round = 0; round < 20; round += 1) {
    text = await slow.read((round + 1) * 512 * 1024);
    // More than the 30 s in all, and less in each round.
    rig.clock.forward(5_000);
    const delta = { spaceId: SPACE, sessionId: SESSION, messageId: 'm', runId: 'r', agent: 'a', number: round, text: '' };
    t.equal(watcherOf(1).watcher.delta(delta), 'more');
    await quick.until(`"number":${round},`);
  }
  t.ok(fed.fulls > 0, 'it was full in between');
  t.notOk(fed.isOver);
  const ids = [...text.matchAll(/^id: e1-(\d+)$/gm)].map(([, number]) => Number(number));
  t.ok(ids.length > 500);
  t.same(
    ids,
    ids.map((_, index) => index + 1),
  );
});

t.test('one event above every bound arrives whole', async (t) => {
  const stream = await open('/events');
  const text = 'y'.repeat(6 * 1024 * 1024);
  t.equal(watcherOf().watcher.event({ ...event(1), data: { text } }, { epoch: 1, number: 1 }), 'more');
  await stream.until('"at":"1970-01-01T00:00:00.000Z"}\n\n');
  t.equal(stream.text.match(/"text":"(y+)"/)?.[1]?.length, text.length);
});

t.test('who may not see a session gets the same 404 for its events; HEAD opens no stream', async (t) => {
  t.equal((await rig.call('/events', { method: 'HEAD' })).status, 200);
  rig.fake.visible = false;
  t.equal((await rig.call(`/sessions/${SESSION}/events`)).status, 404);
  t.same(rig.fake.watchers, []);
});
