import { randomUUID } from 'node:crypto';
import t from 'tap';
import { archiveOf, main } from '../unit/controller/agents/source-archives.ts';
import { openTarget, type Target } from './target.ts';

let target: Target;
const space = '/spaces/default';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

type Fields = Readonly<Record<string, unknown>>;

/** Returns the object that the event is about; empty if it is of another kind. */
function part(data: Fields, name: string): Fields {
  const value = data[name];
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

t.before(async () => {
  target = await openTarget(t);
});

t.test('login, the account of a token, version and health', async (t) => {
  const { rest, url, password } = target;
  const login = await rest.call('POST', '/auth/login', { user: 'admin', pass: password });
  t.match(login, { status: 200, body: { token: String, token_type: 'Bearer', expires_at: TIME } });
  const wrong = await rest.call('POST', '/auth/login', { user: 'admin', pass: 'wrong' });
  const unknown = await rest.call('POST', '/auth/login', { user: `nobody-${randomUUID()}`, pass: 'wrong' });
  t.equal(wrong.status, 401);
  t.same(wrong.body, unknown.body, 'wrong and unknown are alike');
  t.match(await rest.call('GET', '/auth/me'), {
    status: 200,
    body: { user: 'admin', id: UUID, type: 'ServiceAccount', namespace: null, roles: ['admin'] },
  });
  t.match(await (await fetch(`${url}/api/v0/health`)).json(), { status: 'ok' });
  t.match(await (await fetch(`${url}/api/v0/version`)).json(), { version: String, api: 'v0' });
});

t.test('a session without an agent answers with what to set up', async (t) => {
  if (!target.hollow) return t.comment('only a store that is new has no agent');
  const { id } = await target.rest.createSession();
  const posted = await target.rest.call('POST', `/sessions/${id}/messages?wait=30s`, { content: 'anybody?' });
  t.match(posted, {
    status: 201,
    body: { seq: 1, role: 'user', reply: { role: 'agent', metadata: { type: 'error_response', reason: 'no_agent' } } },
  });
});

t.test('an agent is created, gets its files, is built, and becomes active', async (t) => {
  const { rest } = target;
  const name = `hello-${randomUUID().slice(0, 8)}`;
  const made = await rest.call('POST', `${space}/agents`, { name, purpose: 'Says hello', description: null });
  const shape = {
    name,
    space: 'default',
    description: null,
    purpose: 'Says hello',
    source_repo: null,
    source_branch: 'main',
    created_at: TIME,
    created_by: 'admin',
  };
  t.match(made, { status: 201, body: { ...shape, status: 'configured' } });
  const files = [main, { name: 'lib/more.py', content: '' }];
  const uploaded = await rest.send('PUT', `${space}/agents/${name}/source`, new Uint8Array(await archiveOf(files)), 'application/gzip');
  t.match(uploaded, {
    status: 201,
    body: { agent: name, space: 'default', digest: /^sha256:[0-9a-f]{64}$/, files: 2, runtime: 'python', handler: 'main.process_message' },
  });
  const again = await rest.send(
    'PUT',
    `${space}/agents/${name}/source`,
    new Uint8Array(await archiveOf([...files].reverse())),
    'application/gzip',
  );
  t.match(again.body, { digest: (uploaded.body as { digest: string }).digest }, 'the same files are the same source');
  const events = await rest.watch('/events');
  t.teardown(() => events.close());
  t.match(await rest.call('POST', `${space}/agents/${name}/deploy`), { status: 200, body: { name } });
  const ended = await events.until(
    'the build ends',
    ({ type, data }) => type === 'build.state' && ['completed', 'failed'].includes(`${part(data, 'build').status}`),
  );
  t.match(ended.data, { build: { status: 'completed' }, space: 'default', session_id: null, at: TIME });
  const build = await rest.latestBuild();
  t.match(build, { status: 'completed' });
  t.equal((await rest.call('GET', `${space}/build/${build.id}`)).status, 200);
  t.match(await rest.call('GET', `${space}/agents/${name}`), { status: 200, body: { status: 'active' } });
  t.ok((await rest.call('GET', `${space}/agents`)).headers.get('x-total-count'));
});

t.test('a session is created once per key, listed and deleted', async (t) => {
  const { rest, url, password } = target;
  const login = await rest.call('POST', '/auth/login', { user: 'admin', pass: password });
  const { token } = login.body as { token: string };
  const key = randomUUID();
  const create = async (body: object) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'idempotency-key': key };
    const response = await fetch(`${url}/api/v0/sessions`, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: response.status, body: (await response.json()) as { id: string } };
  };
  const tag = randomUUID();
  const first = await create({ name: 'one', metadata: { tag, deep: { a: [1, null] } } });
  t.match(first, {
    status: 201,
    body: {
      id: UUID,
      name: 'one',
      space: 'default',
      created_by: 'admin',
      parent_session_id: null,
      timeouts: {},
      created_at: TIME,
      terminated_at: null,
      metadata: { tag, deep: { a: [1, null] } },
    },
  });
  const second = await create({ metadata: { deep: { a: [1, null] }, tag }, name: 'one' });
  t.same([second.status, second.body.id], [201, first.body.id], 'the same key and body give the same session');
  t.equal((await create({ name: 'two' })).status, 422, 'another body does not');
  const { id } = first.body;
  const listed = await rest.call('GET', `/sessions?metadata.tag=${tag}&space=default&created_by=admin&limit=5`);
  t.match(listed, { status: 200, body: [{ id }] });
  t.same(
    ['x-total-count', 'x-page-offset', 'x-page-limit'].map((header) => listed.headers.get(header)),
    ['1', '0', '5'],
  );
  t.same((await rest.call('GET', `/sessions?metadata.tag=${tag}&state=ERROR`)).body, []);
  t.match(await rest.call('GET', `/sessions/${id}`), { status: 200, body: { id, name: 'one' } });
  t.equal((await rest.call('DELETE', `/sessions/${id}`)).status, 204);
  t.same((await rest.call('GET', `/sessions?metadata.tag=${tag}`)).body, []);
});

t.test('lists are paged in a total order, newest first', async (t) => {
  const { rest } = target;
  const tag = randomUUID();
  const made: string[] = [];
  for (let i = 0; i < 5; i++) {
    const { body } = await rest.call('POST', '/sessions', {
      metadata: { tag },
      resources: { requests: { cpu: 0.01, memory_bytes: 2 ** 20 } },
    });
    made.push((body as { id: string }).id);
  }
  const seen: string[] = [];
  for (let offset = 0; offset < 6; offset += 2) {
    const { body } = await rest.call('GET', `/sessions?metadata.tag=${tag}&limit=2&offset=${offset}`);
    seen.push(...(body as { id: string }[]).map(({ id }) => id));
  }
  t.same(seen, [...made].reverse());
  const upward = await rest.call('GET', `/sessions?metadata.tag=${tag}&order=asc`);
  t.same(
    (upward.body as { id: string }[]).map(({ id }) => id),
    made,
  );
  for (const id of made) await rest.removeSession(id);
});

t.test('messages are answered in order, once each, and listed by seq', async (t) => {
  const { rest } = target;
  const { id } = await rest.createSession();
  const first = await rest.say(id, 'one', { mood: 'good' });
  t.match(first, {
    session_id: id,
    role: 'user',
    content: 'one',
    metadata: { mood: 'good' },
    reply: { role: 'agent', metadata: { type: 'agent_response', in_reply_to: first.id } },
  });
  if (target.hollow) t.equal(first.reply?.content, 'echo: one');
  const note = await rest.call('POST', `/sessions/${id}/messages?wait=10s`, { content: 'a note', role: 'system' });
  t.match(note, { status: 201, body: { role: 'system' } });
  t.equal(note.headers.get('x-raworc-wait'), null, 'nobody waits for an answer to a note');
  const third = await rest.say(id, 'three');
  const all = await rest.messages(id);
  t.same(
    all.map(({ role, seq }) => `${seq} ${role}`),
    ['1 user', '2 agent', '3 system', '4 user', '5 agent'],
  );
  t.match(await rest.call('GET', `/sessions/${id}/messages/count`), { status: 200, body: { count: 5, session_id: id } });
  const since = await rest.call('GET', `/sessions/${id}/messages?since=3&role=agent`);
  t.match(since.body, [{ seq: 5, metadata: { in_reply_to: third.id } }]);
  t.equal((await rest.call('GET', `/sessions/${id}/messages?since=2000-01-01T00:00:00Z&limit=2`)).headers.get('x-total-count'), '5');
  await rest.removeSession(id);
});

t.test('what agents ask one another is in the trace, and in lists only where it is asked for', async (t) => {
  const { rest } = target;
  if (!target.hollow) return t.comment('only agents of the suite ask one another as told');
  const { id } = await rest.createSession();
  const plain = await rest.say(id, 'hello');
  const asked = await rest.say(id, 'hops planner>one one=>two');
  const at = (path: string) => rest.call('GET', `/sessions/${id}${path}`);
  t.match(await at(`/trace/${asked.id}`), {
    status: 200,
    body: {
      ...{ state: 'answered', message: { id: asked.id } },
      hops: [
        { id: UUID, kind: 'ask', from: 'planner', to: 'one', outcome: 'reply', asked_at: TIME, waited_ms: 0, duration_ms: 10 },
        { id: UUID, parent_id: UUID, kind: 'handoff', from: 'one', to: 'two', run_id: 'run-1', question: `one=>two of ${asked.id}` },
      ],
      answer: { role: 'agent', metadata: { in_reply_to: asked.id, hops: 2 } },
    },
  });
  t.match(await at(`/trace/${plain.id}`), { status: 200, body: { state: 'answered', message: { content: 'hello' }, hops: [] } });
  for (const path of [`/trace/${randomUUID()}`, `/trace/${part(asked, 'reply').id}`, '/trace/x']) t.match(await at(path), { status: 404 });

  t.match(await at('/messages/count'), { body: { count: 4 } });
  t.match(await at('/messages/count?include=hops'), { body: { count: 8 } });
  t.match(await at('/messages/count?include=all'), { status: 400 });
  t.equal((await rest.messages(id)).length, 4);
  const all = await at('/messages?include=hops&since=3');
  t.match(all.body, [
    {
      seq: 4,
      role: 'user',
      created_by: 'planner',
      metadata: { type: 'hop', in_reply_to: asked.id, trace: { from: 'planner', to: 'one' } },
    },
    { seq: 5, role: 'agent', created_by: 'one', metadata: { type: 'hop', agent: 'one', run_id: 'run-0' } },
    { seq: 6, role: 'user', content: `one=>two of ${asked.id}` },
    { seq: 7, role: 'agent', content: `two: one=>two of ${asked.id}` },
    { seq: 8, role: 'agent', metadata: { type: 'agent_response' } },
  ]);
  await rest.call('DELETE', `/sessions/${id}/messages`);
  t.same((await at('/messages?include=hops')).body, []);
  await rest.removeSession(id);
});

t.test('a queued message is cancelled and never runs; an answer that exists stands', async (t) => {
  const { rest } = target;
  const { id } = await rest.createSession();
  const done = await rest.say(id, 'one');
  const cancel = (message: unknown, body?: object, wait = '?wait=30s') =>
    rest.call('POST', `/sessions/${id}/messages/${message}/cancel${wait}`, body);
  t.match(await cancel(done.id), { status: 200, body: { id: done.id, reply: { metadata: { type: 'agent_response' } } } });
  const watching = await rest.watch(`/sessions/${id}/events`);
  await rest.call('POST', `/sessions/${id}/suspend`);
  await watching.until('it is suspended', ({ data }) => data.state === 'suspended' && part(data, 'session').settled === true);
  watching.close();
  const post = async (content: string, role = 'user'): Promise<Fields> =>
    part(await rest.call('POST', `/sessions/${id}/messages`, { content, role, wake: false }).then(({ body }) => ({ body })), 'body');
  const queued = await post('two');
  const note = await post('a note', 'system');
  for (let times = 0; times < 2; times += 1) {
    t.match(await cancel(queued.id, { grace_s: 1 }), {
      status: 200,
      body: {
        ...{ id: queued.id, content: 'two' },
        reply: { role: 'agent', metadata: { type: 'error_response', reason: 'cancelled', in_reply_to: queued.id } },
      },
    });
  }
  t.match(await cancel(note.id), { status: 409, body: { error: { code: 'CONFLICT' } } });
  t.match(await cancel(randomUUID()), { status: 404 });
  for (const grace_s of [-1, 601, 'soon']) t.match(await cancel(queued.id, { grace_s }), { status: 422 });
  t.match(await rest.say(id, 'three'), { reply: { metadata: { type: 'agent_response' } } });
  const all = await rest.messages(id);
  t.same(
    all.map(({ role, seq }) => `${seq} ${role}`),
    ['1 user', '2 agent', '3 user', '4 system', '5 agent', '6 user', '7 agent'],
  );
  await rest.removeSession(id);
});

t.test('events come in order without a gap, and can be resumed from any id', async (t) => {
  const { rest } = target;
  const { id } = await rest.createSession();
  const live = await rest.watch(`/sessions/${id}/events`);
  await rest.say(id, 'one');
  await rest.say(id, 'two');
  const isAnswer = ({ data }: { data: Fields }) => part(data, 'message').role === 'agent' && part(data, 'message').seq === 4;
  await live.until('the second answer', isAnswer);
  const stored = () => live.events.filter((event) => event.id !== undefined);
  const numbers = stored().map(({ data }) => Number(data.number));
  t.same(
    numbers,
    numbers.map((_, at) => (numbers[0] ?? 0) + at),
    'no gap in the session’s own numbers',
  );
  t.match(stored()[0]?.data, { session_id: id, space: 'default', at: TIME, type: String });
  const again = await rest.watch(`/sessions/${id}/events`, stored()[0]?.id);
  await again.until('the second answer', isAnswer);
  const from = again.events.filter((event) => event.id !== undefined);
  t.same(from, stored().slice(1, from.length + 1), 'the same events from the first id on');
  const foreign = await rest.watch('/events', 'AAAAAAAAAAAAAAAAAAAAAA');
  await foreign.until('a reset', ({ type }) => type === 'reset');
  foreign.close();
  await rest.removeSession(id);
  await live.until('the deletion', ({ type }) => type === 'session.deleted');
  again.close();
  live.close();
});

t.test('nodes are listed, and the token for a new node is shown once', async (t) => {
  const { rest } = target;
  const { status, body } = await rest.call('GET', '/nodes');
  t.equal(status, 200);
  const [node] = body as { id: string }[];
  t.match(node, {
    id: UUID,
    status: 'ready',
    capacity: { cpu: Number, memory_bytes: Number },
    limits: { memory_bytes: Number, disk_bytes: Number, processes: Number },
    maxima: Object,
    requested: { cpu: Number },
    sessions: Number,
    lease: { seconds: Number },
    certificate: { expires_at: TIME, issuer: /^[0-9a-f]{64}$/ },
    conditions: [],
  });
  t.match(await rest.call('GET', `/nodes/${node?.id}`), { status: 200, body: { id: node?.id } });
  t.match(await rest.call('POST', '/nodes/tokens', { expires_in_s: 60 }), {
    status: 201,
    body: { token: String, uses: 1, used: 0, expires_at: TIME },
  });
});
