import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import type { Rest } from '../cluster/rest.ts';
import { archiveOf } from '../unit/source-archives.ts';
import { openTarget, type Target } from './target.ts';

t.setTimeout(120_000);

let target: Target;
t.before(async () => {
  target = await openTarget(t);
});

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const space = '/spaces/default';
const unique = (word: string) => `${word}-${randomUUID().slice(0, 8)}`;
const code = (name: string) => ({ error: { code: name } });

interface Scope {
  teardown(run: () => Promise<unknown>): unknown;
}

/** An agent that goes with the test. */
async function made(t: Scope, rest: Rest, more: object = {}): Promise<string> {
  const name = unique('agent');
  const answer = await rest.call('POST', `${space}/agents`, { name, ...more });
  if (answer.status !== 201) throw new Error(`create an agent: ${answer.status} ${JSON.stringify(answer.body)}`);
  t.teardown(() => rest.call('DELETE', `${space}/agents/${name}`));
  return name;
}

async function deployed(t: Scope, rest: Rest): Promise<string> {
  const name = await made(t, rest);
  const main = { name: 'main.py', content: 'def process_message(message, context):\n    return message\n' };
  await rest.send('PUT', `${space}/agents/${name}/source`, new Uint8Array(await archiveOf([main])), 'application/gzip');
  const events = await rest.watch('/events');
  try {
    await rest.call('POST', `${space}/agents/${name}/deploy`);
    const { id } = await rest.latestBuild();
    const over = await ended(rest, events, id);
    if (over !== 'completed') throw new Error(`the build is ${over}`);
  } finally {
    events.close();
  }
  return name;
}

/** What no event tells of: looked for until it is there. */
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await pause(50);
  }
}

async function ended(rest: Rest, events: Awaited<ReturnType<Rest['watch']>>, id: string): Promise<string> {
  const now = async () => ((await rest.call('GET', `${space}/build/${id}`)).body as { status: string }).status;
  while (!['completed', 'failed'].includes(await now())) await events.until('a build goes on', ({ type }) => type === 'build.state');
  return now();
}

t.test('an agent is changed by what is named, and a null clears its description and purpose', async (t) => {
  const { rest } = target;
  const path = `${space}/agents/${await made(t, rest, { description: 'one', purpose: 'two' })}`;
  const changed = await rest.call('PUT', path, { description: 'three', source_repo: 'owner/repo', source_branch: 'next', more: 1 });
  t.match(changed, {
    status: 200,
    body: {
      description: 'three',
      purpose: 'two',
      source_repo: 'owner/repo',
      source_branch: 'next',
      status: 'configured',
      updated_at: TIME,
    },
  });
  t.match(await rest.call('PUT', path, { description: null, purpose: null, source_repo: null }), {
    status: 200,
    body: { description: null, purpose: null, source_repo: 'owner/repo' },
  });
  for (const body of [undefined, {}, { source_repo: null }, { name: 'other' }])
    t.match(await rest.call('PUT', path, body), { status: 400, body: code('BAD_REQUEST') }, 'nothing to change');
  for (const body of [
    { description: 1 },
    { source_repo: '--upload-pack=x' },
    { source_repo: 'https://a:b@host/x' },
    { source_branch: 'a..b' },
  ])
    t.match(await rest.call('PUT', path, body), { status: 422, body: { error: { details: [{ path: String, problem: String }] } } });
  t.match(await rest.call('PUT', `${space}/agents/${unique('none')}`, { description: 'x' }), { status: 404 });
  t.match(await rest.call('PUT', `/spaces/${unique('none')}/agents/x`, { description: 'x' }), { status: 404 });
});

t.test('a client sets active, inactive and stopped; the other words are derived', async (t) => {
  const { rest } = target;
  const path = `${space}/agents/${await made(t, rest)}`;
  for (const status of ['active', 'inactive', 'stopped', 'active']) {
    t.match(await rest.call('PATCH', `${path}/status`, { status }), { status: 200, body: { status } });
    t.match(await rest.call('GET', path), { status: 200, body: { status } });
  }
  for (const status of ['configured', 'building', 'running', 'error', 'asleep', 7, undefined])
    t.match(await rest.call('PATCH', `${path}/status`, { status }), {
      status: 422,
      body: { error: { code: 'UNPROCESSABLE_ENTITY', details: [{ path: 'status' }] } },
    });
  t.match(await rest.call('POST', `${path}/stop`), { status: 200, body: { status: 'inactive' } });
  t.match(await rest.call('POST', `${path}/stop`), { status: 200, body: { status: 'inactive' } }, 'once more changes nothing');
  t.match(await rest.call('POST', `${path}/deploy`), { status: 409, body: code('CONFLICT') }, 'without a source');
  for (const [method, more, body] of [
    ['PATCH', '/status', { status: 'active' }],
    ['POST', '/stop', undefined],
    ['POST', '/deploy', undefined],
  ] as const)
    t.match(await rest.call(method, `${space}/agents/${unique('none')}${more}`, body), { status: 404 }, `${method} ${more}`);
});

t.test('no agent is called running, and no two of a space have one name', async (t) => {
  const { rest } = target;
  const name = await made(t, rest);
  t.match(await rest.call('POST', `${space}/agents`, { name }), { status: 409, body: code('CONFLICT') });
  for (const bad of ['running', '', '-a', 'a b', undefined])
    t.match(await rest.call('POST', `${space}/agents`, { name: bad }), { status: 422, body: { error: { details: [{ path: 'name' }] } } });
  t.match(await rest.call('POST', `${space}/agents`, { name: unique('a'), source_repo: 'file:///etc' }), { status: 422 });
});

t.test('an agent that is removed is gone, and its name begins anew', async (t) => {
  const { rest } = target;
  const name = await made(t, rest, { description: 'the first' });
  t.equal((await rest.call('DELETE', `${space}/agents/${name}`)).status, 204);
  t.match(await rest.call('GET', `${space}/agents/${name}`), { status: 404, body: code('NOT_FOUND') });
  t.match(await rest.call('DELETE', `${space}/agents/${name}`), { status: 404 });
  t.match(await rest.call('POST', `${space}/agents`, { name }), { status: 201, body: { description: null, status: 'configured' } });
});

t.test('whom nobody may ask any more answers with an error_response', async (t) => {
  const { rest } = target;
  const name = await deployed(t, rest);
  t.match(await rest.call('GET', `${space}/agents/${name}`), { body: { status: 'active' } });
  const session = await rest.createSession();
  t.teardown(() => rest.removeSession(session.id));
  const asked = async () => (await rest.say(session.id, 'hello', { agent: name })).reply.metadata;
  t.match(await asked(), { type: 'agent_response', agent: name });
  for (const status of ['inactive', 'stopped']) {
    await rest.call('PATCH', `${space}/agents/${name}/status`, { status });
    t.match(await asked(), { type: 'error_response', reason: 'agent_inactive' }, status);
  }
  await rest.call('PATCH', `${space}/agents/${name}/status`, { status: 'active' });
  await rest.call('POST', `/sessions/${session.id}/suspend`);
  const waiting = { content: 'later', wake: false, metadata: { agent: name } };
  const { id } = (await rest.call('POST', `/sessions/${session.id}/messages`, waiting)).body as { id: string };
  await rest.call('PATCH', `${space}/agents/${name}/status`, { status: 'inactive' });
  await rest.call('POST', `/sessions/${session.id}/resume?wait=30s`);
  const reply = await until(async () => (await rest.messages(session.id)).find(({ metadata }) => metadata.in_reply_to === id));
  t.match(reply.metadata, { type: 'error_response', reason: 'agent_inactive' }, 'also what had waited before');
  await rest.call('PATCH', `${space}/agents/${name}/status`, { status: 'active' });
  t.match(await asked(), { type: 'agent_response' }, 'active again, it answers in the same session');
  await rest.call('DELETE', `${space}/agents/${name}`);
  t.match(await asked(), { type: 'error_response', reason: 'agent_inactive' }, 'removed');
});

t.test('an agent runs where a worker of it lives, and no more once it is stopped', async (t) => {
  const { rest } = target;
  const name = await deployed(t, rest);
  const running = async () => {
    const { status, headers, body } = await rest.call('GET', `${space}/agents/running?limit=1000`);
    t.match([status, headers.get('x-page-limit')], [200, '1000']);
    return (body as { name: string }[]).find((one) => one.name === name);
  };
  t.equal(await running(), undefined);
  const session = await rest.createSession();
  t.teardown(() => rest.removeSession(session.id));
  t.match(await rest.say(session.id, 'hello', { agent: name }), { reply: { metadata: { type: 'agent_response' } } });
  t.match(await until(running), { name, status: 'running', started_at: TIME, sessions: 1 });
  t.match(await rest.call('GET', `${space}/agents/${name}`), { body: { status: 'running' } });
  t.match(await rest.call('POST', `${space}/agents/${name}/stop`), { status: 200, body: { name, status: 'inactive' } });
  await until(async () => (await running()) === undefined || undefined);
  t.match(await rest.say(session.id, 'hello', { agent: name }), { reply: { metadata: { type: 'error_response' } } });
  t.match(await rest.call('GET', `${space}/agents/running?limit=0`), { status: 400 });
  t.match(await rest.call('GET', '/spaces/none/agents/running'), { status: 404 });
});

t.test('a build is answered again where nothing has changed, and made anew by force or for a key', async (t) => {
  const { rest } = target;
  await deployed(t, rest);
  const latest = await rest.latestBuild();
  const shape = { id: latest.id, build_id: latest.id, space: 'default', status: 'completed', started_at: TIME, error: null };
  t.match(await rest.call('POST', `${space}/build`), { status: 201, body: shape });
  const events = await rest.watch('/events');
  t.teardown(async () => events.close());
  const forced = await rest.call('POST', `${space}/build`, { force_rebuild: true });
  const { id } = forced.body as { id: string };
  t.match(forced, { status: 201, body: { build_id: id, completed_at: null, image_tag: null } });
  t.not(id, latest.id);
  t.equal(await ended(rest, events, id), 'completed');
  t.match(await rest.call('GET', `${space}/build/latest`), { status: 200, body: { id, image_tag: String, completed_at: TIME } });
  t.match(await rest.call('GET', `${space}/build/${id}/logs`), {
    status: 200,
    body: { build_id: id, space: 'default', status: 'completed', logs: [{ line: String, timestamp: TIME }] },
  });
  const { token } = (await rest.call('POST', '/auth/login', { user: 'admin', pass: target.password })).body as { token: string };
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'idempotency-key': randomUUID() };
  const once = async () => {
    const response = await fetch(`${target.url}/api/v0${space}/build`, { method: 'POST', headers, body: '{"force":true}' });
    return { status: response.status, id: ((await response.json()) as { id: string }).id };
  };
  const first = await once();
  await ended(rest, events, first.id);
  t.same(await once(), { status: 201, id: first.id }, 'the same key gives the same build');
  t.match(await rest.call('POST', `${space}/build`, { force: 'yes' }), { status: 422 });
  for (const more of ['', '/logs']) t.match(await rest.call('GET', `${space}/build/${randomUUID()}${more}`), { status: 404 });
  for (const call of [rest.call('POST', '/spaces/none/build'), rest.call('GET', '/spaces/none/build/latest')])
    t.match(await call, { status: 404, body: code('NOT_FOUND') });
});

t.test('agents that come with a repository queue one build, however many at once', async (t) => {
  const { rest } = target;
  const events = await rest.watch('/events');
  t.teardown(async () => events.close());
  const repository = { source_repo: 'github.com/owner/repo', source_branch: 'trunk' };
  const names = await Promise.all([1, 2, 3].map(() => made(t, rest, repository)));
  const build = (await rest.call('GET', `${space}/build/latest`)).body as { id: string; agents_deployed: string[] };
  for (const name of names) {
    t.ok(build.agents_deployed.includes(name), 'all in one');
    t.match(await rest.call('GET', `${space}/agents/${name}`), { body: { ...repository, status: /^(building|active|error)$/ } });
  }
  const status = await ended(rest, events, build.id);
  t.match(await rest.call('GET', `${space}/build/${build.id}`), { body: status === 'failed' ? { error: /\w/ } : { error: null } });
});
