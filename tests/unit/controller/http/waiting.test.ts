import t from 'tap';
import { ACCOUNT, json, message, type Rig, SESSION, session, startRig } from './fakes.ts';

let rig: Rig;
t.beforeEach(async () => {
  rig = await startRig();
});
t.afterEach(() => rig.server.close(0));

/** Resolves once the request waits. */
const untilWaiting = async () => {
  while (rig.streams.size === 0) await new Promise<void>((resolve) => setImmediate(resolve));
};

t.test('creating waits until the session is up, and says so when the time is up', async (t) => {
  rig.fake.up = Promise.resolve({ ...session, state: 'idle' });
  const up = await rig.call('/sessions?wait=30s', { method: 'POST' });
  t.equal(up.status, 201);
  t.match(await up.json(), { state: 'idle' });
  t.equal(up.headers.get('x-raworc-wait'), null);
  t.equal(rig.clock.timers, 0, 'the timer is gone');
  rig.fake.up = undefined;
  const late = rig.call('/sessions?wait=500ms', { method: 'POST' });
  await untilWaiting();
  rig.clock.forward(500);
  t.equal((await late).headers.get('x-raworc-wait'), 'timeout');
  t.match(await (await late).json(), { state: 'init' });
});

t.test('a message waits for its reply; one that gets none does not wait', async (t) => {
  const path = `/sessions/${SESSION}/messages?wait=1m`;
  const reply = { ...message, role: 'agent' as const, content: 'yes', seq: 2 };
  rig.fake.answered = Promise.resolve(reply);
  t.same(await (await rig.call(path, json({ content: 'hello' }))).json(), { ...message, reply });
  rig.fake.answered = undefined;
  const note = await rig.call(path, json({ content: 'hello', role: 'system' }));
  t.equal(note.headers.get('x-raworc-wait'), null);
  t.notOk(Object.hasOwn((await note.json()) as object, 'reply'));
});

t.test('a wait ends with its caller’s rights, and brings nothing of later', async (t) => {
  const tell = () => {
    for (const listener of rig.fake.rightsListeners) listener({ accounts: new Set([ACCOUNT]), tokens: new Set(), keys: new Set() });
  };
  const losses: Record<string, () => void> = {
    'the token was ended': () => {
      rig.fake.version++;
      tell();
    },
    'the session is not to be seen any more': () => {
      rig.fake.visible = false;
      tell();
    },
    'a name hides it, which is told to nobody': () => {
      rig.fake.visible = false;
      rig.clock.forward(5000);
    },
  };
  for (const path of [`/sessions/${SESSION}/messages?wait=5m`, '/sessions?wait=5m', `/sessions/${SESSION}/resume?wait=5m`])
    for (const [name, lose] of Object.entries(losses)) {
      rig.fake.version = 1;
      rig.fake.visible = true;
      const call = rig.call(path, json(path.includes('messages') ? { content: 'x' } : {}));
      await untilWaiting();
      lose();
      const answer = await call;
      t.match(answer.status, /^20[01]$/, `${path}: ${name}`);
      t.equal(answer.headers.get('x-raworc-wait'), null, 'which is no timeout');
      t.equal(rig.clock.timers, 0);
    }
});

t.test('what comes at the moment in which its caller loses sight of it is not shown', async (t) => {
  rig.fake.answered = new Promise((resolve) =>
    setImmediate(() => {
      rig.fake.visible = false;
      resolve({ ...message, role: 'agent', content: 'secret', seq: 2 });
    }),
  );
  t.same(await (await rig.call(`/sessions/${SESSION}/messages?wait=1m`, json({ content: 'hello' }))).json(), message);
});

t.test('a client that goes away ends its wait', async (t) => {
  const gone = new AbortController();
  const call = rig.call('/sessions?wait=5m', { method: 'POST', signal: gone.signal });
  call.catch(() => {});
  await untilWaiting();
  gone.abort();
  while (rig.clock.timers > 0) await new Promise<void>((resolve) => setImmediate(resolve));
  await t.rejects(call);
  t.notOk(rig.logged.some((line) => line.startsWith('http.fault')));
});

t.test('waits have places of their own, and one too many is refused before it has changed anything', async (t) => {
  const { budgets } = rig.streams;
  const mine = { account: ACCOUNT, standing: 'member' } as const;
  const taken = [];
  for (let place = budgets.take('waits', mine); place.ok; place = budgets.take('waits', mine)) taken.push(place.value);
  const path = `/sessions/${SESSION}/messages`;
  for (const waiting of [
    `${path}?wait=1m`,
    '/sessions?wait=1m',
    `/sessions/${SESSION}/remix?wait=1m`,
    `/sessions/${SESSION}/resume?wait=1m`,
  ]) {
    const answer = await rig.call(waiting, json(waiting.includes('messages') ? { content: 'x' } : {}));
    t.equal(answer.status, 429, waiting);
    t.ok(answer.headers.get('retry-after'));
  }
  t.same(rig.fake.calls, []);
  t.equal((await rig.call(path, json({ content: 'x' }))).status, 201, 'without a wait');
  const stream = await rig.call('/events');
  t.equal(stream.status, 200, 'event streams have their own');
  await stream.body?.cancel();
  for (const release of taken) release();
  rig.fake.answered = Promise.resolve({ ...message, role: 'agent', content: 'yes', seq: 2 });
  t.equal((await rig.call(`${path}?wait=1m`, json({ content: 'x' }))).status, 201);
  t.equal(budgets.held('waits'), 0, 'and it gave its place back');
});
