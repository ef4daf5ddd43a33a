import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import type { Rest } from '../cluster/rest.ts';
import { archiveOf } from '../unit/controller/agents/source-archives.ts';
import { space as newSpace, person, refusal, role } from './people.ts';
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

/** Creates an agent that is removed at the end of the test. */
async function made(t: Scope, rest: Rest, more: object = {}): Promise<string> {
  const name = unique('agent');
  const answer = await rest.call('POST', `${space}/agents`, { name, ...more });
  if (answer.status !== 201) throw new Error(`create an agent: ${answer.status} ${JSON.stringify(answer.body)}`);
  t.teardown(() => rest.call('DELETE', `${space}/agents/${name}`));
  return name;
}

async function deployed(t: Scope, rest: Rest): Promise<string> {
  const name = await made(t, rest);
  const main = {
    name: 'main.py',
    content: 'def process_message(message, context):\n    if message.startswith("print "): print(message[6:])\n    return message\n',
  };
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

/** Polls for a change that no event reports. */
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

t.test('a change affects only the named fields of an agent, and null clears its description and purpose', async (t) => {
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

t.test('a secret of a repository goes nowhere else without secrets:get', async (t) => {
  const name = await newSpace(t, target);
  const { rest: owner } = await person(t, target, ['admin', name]);
  const { rest: other } = await person(t, target, [await role(t, target, 'agents get,create,update'), name]);
  await owner.call('POST', `/spaces/${name}/secrets`, { key: 'TOKEN', value: 'abc' });
  const mine = { name: 'a', source_repo: 'owner/repo', source_secret: 'TOKEN' };
  t.match(await owner.call('POST', `/spaces/${name}/agents`, mine), { status: 201 });
  t.match(await other.call('POST', `/spaces/${name}/agents`, { ...mine, name: 'b' }), refusal(403, 'FORBIDDEN'));
  const path = `/spaces/${name}/agents/a`;
  for (const change of [{ source_repo: 'evil.example/x/y' }, { source_secret: null }, { source_secret: 'OTHER' }])
    t.match(await other.call('PUT', path, change), refusal(403, 'FORBIDDEN'), JSON.stringify(change));
  t.match(await other.call('PUT', path, { source_repo: 'owner/repo', source_branch: 'next' }), { status: 200 });
  t.match(await owner.call('PUT', path, { source_repo: 'owner/other' }), { status: 200, body: { source_secret: 'TOKEN' } });
  t.match(await owner.call('PUT', path, { source_secret: null }), { status: 200, body: { source_secret: null } });
});

t.test('clients set active, inactive and stopped; all other states are derived', async (t) => {
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
  t.match(await rest.call('POST', `${path}/stop`), { status: 200, body: { status: 'inactive' } }, 'a repetition changes nothing');
  t.match(await rest.call('POST', `${path}/deploy`), { status: 409, body: code('CONFLICT') }, 'without a source');
  for (const [method, more, body] of [
    ['PATCH', '/status', { status: 'active' }],
    ['POST', '/stop', undefined],
    ['POST', '/deploy', undefined],
  ] as const)
    t.match(await rest.call(method, `${space}/agents/${unique('none')}${more}`, body), { status: 404 }, `${method} ${more}`);
});

t.test('an agent cannot be called running, and names are unique in a space', async (t) => {
  const { rest } = target;
  const name = await made(t, rest);
  t.match(await rest.call('POST', `${space}/agents`, { name }), { status: 409, body: code('CONFLICT') });
  for (const bad of ['running', '', '-a', 'a b', undefined])
    t.match(await rest.call('POST', `${space}/agents`, { name: bad }), { status: 422, body: { error: { details: [{ path: 'name' }] } } });
  t.match(await rest.call('POST', `${space}/agents`, { name: unique('a'), source_repo: 'file:///etc' }), { status: 422 });
});

t.test('a removed agent is gone, and its name can be used again', async (t) => {
  const { rest } = target;
  const name = await made(t, rest, { description: 'the first' });
  t.equal((await rest.call('DELETE', `${space}/agents/${name}`)).status, 204);
  t.match(await rest.call('GET', `${space}/agents/${name}`), { status: 404, body: code('NOT_FOUND') });
  t.match(await rest.call('DELETE', `${space}/agents/${name}`), { status: 404 });
  t.match(await rest.call('POST', `${space}/agents`, { name }), { status: 201, body: { description: null, status: 'configured' } });
});

t.test('messages to an agent that is inactive get an error_response', async (t) => {
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

t.test('an agent is running while it has a live worker, until it is stopped', async (t) => {
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

t.test('logs of an agent come from its running sessions, and can be followed', async (t) => {
  const { rest } = target;
  const name = await deployed(t, rest);
  const path = `${space}/agents/${name}/logs`;
  t.same((await rest.call('GET', path)).body, { agent_name: name, space: 'default', logs: [], unread_sessions: 0 });
  const session = await rest.createSession();
  t.teardown(() => rest.removeSession(session.id));
  for (const word of ['one', 'two', 'three']) await rest.say(session.id, `print ${word}`, { agent: name });
  const line = { session_id: session.id, run_id: String, stream: 'stdout', timestamp: TIME };
  const read = async (query = '') => (await rest.call('GET', `${path}?${query}`)).body as { logs: { line: string }[] };
  const lines = async (query: string) => (await read(query)).logs.map((one) => one.line);
  const all = await until(async () => ((await read()).logs.length === 3 ? read() : undefined));
  t.match(all, { agent_name: name, space: 'default', logs: [{ ...line, line: 'one' }, { line: 'two' }, { line: 'three' }] });
  t.same(await lines('limit=2'), ['two', 'three']);
  t.same(await lines('lines=1'), ['three']);
  t.same(await lines(`session_id=${session.id}&log_type=STDOUT`), ['one', 'two', 'three']);
  t.same(await lines('log_type=stderr'), []);

  const following = await rest.watch(`${path}?follow=true&limit=1`);
  t.teardown(async () => following.close());
  t.match((await following.until('the newest line', ({ type }) => type === 'log')).data, { line: 'three', agent: name, ...line });
  await rest.say(session.id, 'print four', { agent: name });
  t.match((await following.until('a line that is printed now', ({ data }) => data.line === 'four')).data, line);

  for (const query of ['limit=0', 'limit=10001', 'lines=x', 'log_type=both', 'follow=maybe'])
    t.match(await rest.call('GET', `${path}?${query}`), { status: 400, body: code('BAD_REQUEST') }, query);
  for (const other of [randomUUID(), 'none']) t.match(await rest.call('GET', `${path}?session_id=${other}`), { status: 404 });
  t.match(await rest.call('GET', `${space}/agents/none/logs`), { status: 404 });
  t.match(await rest.call('GET', '/spaces/none/agents/none/logs'), { status: 404 });
  await rest.call('POST', `/sessions/${session.id}/suspend`);
  t.match(await rest.call('GET', `${path}?session_id=${session.id}`), { status: 409, body: { error: { message: /suspended/ } } });
  t.same(await lines(''), [], 'resting sessions are skipped');
});

t.test('a build without changes returns the last one; force or a new key starts another', async (t) => {
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

t.test('agents created with a repository queue one build, however many are created at once', async (t) => {
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

t.test('each call needs its permission in the space; without any role there, the space does not exist', async (t) => {
  const here = await newSpace(t, target);
  const there = await newSpace(t, target);
  const viewer = await person(t, target, ['viewer', here]);
  const developer = await person(t, target, ['developer', here]);
  const stranger = await person(t, target, ['admin', there]);
  const narrow = await person(t, target, [await role(t, target, 'agents get,update,logs mine'), here]);
  const root = `/spaces/${here}`;
  t.equal((await developer.rest.call('POST', `${root}/agents`, { name: 'mine' })).status, 201);
  t.equal((await developer.rest.call('POST', `${root}/agents`, { name: 'other' })).status, 201);
  const calls = [
    ['GET', '/agents', undefined, 200, 200],
    ['GET', '/agents/running', undefined, 200, 200],
    ['GET', '/agents/mine', undefined, 200, 200],
    ['POST', '/agents', { name: 'third' }, 201, 403],
    ['PUT', '/agents/mine', { purpose: 'p' }, 200, 403],
    ['PATCH', '/agents/mine/status', { status: 'inactive' }, 200, 403],
    ['POST', '/agents/mine/stop', undefined, 200, 403],
    ['POST', '/agents/mine/deploy', undefined, 409, 403],
    ['GET', '/agents/mine/logs', undefined, 200, 403],
    ['GET', '/agents/mine/logs?follow=true&limit=0', undefined, 400, 400],
    ['POST', '/build', {}, 201, 403],
    ['GET', '/build/latest', undefined, 200, 200],
    ['GET', '/builds', undefined, 200, 200],
    ['DELETE', `/build/${randomUUID()}`, undefined, 404, 403],
    ['DELETE', '/agents/third', undefined, 204, 403],
  ] as const;
  for (const [method, path, body, withIt, without] of calls) {
    t.equal((await developer.rest.call(method, `${root}${path}`, body)).status, withIt, `${method} ${path}, a developer`);
    t.equal((await viewer.rest.call(method, `${root}${path}`, body)).status, without, `${method} ${path}, a viewer`);
    if (withIt === 400) continue;
    t.match(await stranger.rest.call(method, `${root}${path}`, body), refusal(404, 'NOT_FOUND'), `${method} ${path}, from another space`);
  }
  t.equal((await narrow.rest.call('GET', `${root}/agents/mine`)).status, 200, 'a rule for one name');
  t.equal((await narrow.rest.call('GET', `${root}/agents/mine/logs`)).status, 200);
  t.match(await narrow.rest.call('GET', `${root}/agents/other`), refusal(403, 'FORBIDDEN'));
  t.match(await narrow.rest.call('DELETE', `${root}/agents/mine`), refusal(403, 'FORBIDDEN'));
  const id = ((await developer.rest.call('GET', `${root}/build/latest`)).body as { id: string }).id;
  for (const more of ['', '/logs']) {
    t.equal((await viewer.rest.call('GET', `${root}/build/${id}${more}`)).status, 200);
    t.match(await stranger.rest.call('GET', `/spaces/${there}/build/${id}${more}`), refusal(404, 'NOT_FOUND'), 'by an id of another space');
  }
});
