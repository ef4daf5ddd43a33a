import t from 'tap';
import type { Answer } from '../cluster/rest.ts';
import { openTarget, type Target } from './target.ts';

let target: Target;
t.before(async () => {
  target = await openTarget(t);
});

type Asked = 'pause' | 'suspend' | 'resume' | 'idle' | 'paused' | 'suspended' | 'init' | 'busy' | 'error';
const ask = (id: string, what: Asked): Promise<Answer> =>
  what === 'pause' || what === 'suspend' || what === 'resume'
    ? target.rest.call('POST', `/sessions/${id}/${what}`)
    : target.rest.call('PUT', `/sessions/${id}/state`, { state: what });

/** For each state and request: the state afterwards, or the refusal. */
const MATRIX: Readonly<Record<'idle' | 'paused' | 'suspended', Readonly<Record<Asked, string>>>> = {
  idle: {
    ...{ pause: 'paused', suspend: 'suspended', resume: 'idle', idle: 'idle', paused: 'paused', suspended: 'suspended' },
    ...{ init: 'CONFLICT', busy: 'CONFLICT', error: 'CONFLICT' },
  },
  paused: {
    ...{ pause: 'paused', suspend: 'suspended', resume: 'up', idle: 'up', paused: 'paused', suspended: 'suspended' },
    ...{ init: 'CONFLICT', busy: 'CONFLICT', error: 'CONFLICT' },
  },
  suspended: {
    ...{ pause: 'CONFLICT', suspend: 'suspended', resume: 'up', idle: 'up', paused: 'CONFLICT', suspended: 'suspended' },
    ...{ init: 'CONFLICT', busy: 'CONFLICT', error: 'CONFLICT' },
  },
};

async function sessionIn(state: 'idle' | 'paused' | 'suspended'): Promise<string> {
  const { id } = await target.rest.createSession();
  if (state !== 'idle') await ask(id, state);
  return id;
}

t.test('every request in every state: done, without effect, or refused with what is allowed', async (t) => {
  for (const [state, cells] of Object.entries(MATRIX)) {
    for (const [request, becomes] of Object.entries(cells)) {
      const id = await sessionIn(state as keyof typeof MATRIX);
      const answer = await ask(id, request as Asked);
      const cell = `${state}, ${request}: ${becomes}`;
      if (becomes === 'CONFLICT') t.match(answer, { status: 409, body: { error: { code: 'CONFLICT', message: /\w/ } } }, cell);
      else t.match(answer, { status: 200, body: { id, state: becomes === 'up' ? /^(init|idle)$/ : becomes } }, cell);
      if (becomes === 'up')
        t.match((await target.rest.call('POST', `/sessions/${id}/resume?wait=30s`)).body, { state: 'idle', running: true }, cell);
      t.equal((await target.rest.call('DELETE', `/sessions/${id}`)).status, 204, `${state}: deleted`);
      t.equal((await ask(id, request as Asked)).status, 404, `${state}: ${request} of what is deleted`);
    }
  }
});

t.test('a message wakes a resting session, unless it says not to or is a note', async (t) => {
  const { rest } = target;
  for (const state of ['paused', 'suspended'] as const) {
    const id = await sessionIn(state);
    const path = `/sessions/${id}/messages`;
    for (const quiet of [
      { content: 'later', wake: false },
      { content: 'a note', role: 'system' },
    ]) {
      t.equal((await rest.call('POST', path, quiet)).status, 201);
      t.match(await rest.session(id), { state, running: false });
    }
    const answer = await rest.call('POST', `${path}?wait=30s`, { content: 'now' });
    t.match(answer, { status: 201, body: { seq: Number, reply: { role: 'agent' } } }, `${state}: answered`);
    t.match((await rest.call('POST', `/sessions/${id}/resume?wait=30s`)).body, { state: 'idle' });
    const messages = await rest.messages(id);
    t.equal(messages.filter(({ role }) => role === 'agent').length, 2, 'the one that waited is answered, too; the note is not');
    t.equal((await rest.call('DELETE', path)).status, 204);
    t.match(await rest.call('GET', `${path}/count`), { body: { count: 0 } });
  }
});

t.test('a resumed session shows its new state at once, and settles when its node reports it', async (t) => {
  const { rest } = target;
  const { id } = await rest.createSession();
  const watching = await rest.watch(`/sessions/${id}/events`);
  t.teardown(() => watching.close());
  const settles = (state: string) =>
    watching.until(state, ({ data }) => data.state === state && (data.session as { settled?: boolean } | undefined)?.settled === true);
  t.match((await rest.call('POST', `/sessions/${id}/pause`)).body, { state: 'paused' });
  await settles('paused');
  t.match((await rest.call('POST', `/sessions/${id}/resume`)).body, { state: 'idle', settled: false });
  await settles('idle');
  t.match(await rest.session(id), { state: 'idle', settled: true });
  t.equal((await rest.call('DELETE', `/sessions/${id}`)).status, 204);
});

t.test('timeouts are set at creation, shown, and applied in time', async (t) => {
  const { rest } = target;
  const watching = await rest.watch('/events');
  t.teardown(() => watching.close());
  const { id } = await rest.createSession({ timeouts: { idle_pause_s: 1, ttl_s: 3 } });
  t.match(await rest.session(id), { timeouts: { idle_pause_s: 1, ttl_s: 3 } });
  const becomes =
    (state: string) =>
    ({ type, data }: { type: string; data: Readonly<Record<string, unknown>> }) =>
      type === 'session.state' && data.session_id === id && data.state === state;
  await watching.until('it is paused', becomes('paused'));
  await watching.until('it is deleted', ({ type, data }) => type === 'session.deleted' && data.session_id === id);
  t.equal((await rest.call('GET', `/sessions/${id}`)).status, 404);
  for (const timeouts of [{ idle_pause_s: 0 }, { ttl_s: -1 }, { idle_suspend_s: 'soon' }])
    t.match(await rest.call('POST', '/sessions', { timeouts }), { status: 422 });
});

t.test('a failed session allows only recovery and deletion, and recovery waits for the node', async (t) => {
  const { rest, hollow } = target;
  if (!hollow) return t.comment('only with a node that can be switched off');
  const { id } = await rest.createSession();
  const watching = await rest.watch('/events');
  t.teardown(() => watching.close());
  await target.endNode();
  await watching.until('the node is missed', ({ type }) => type === 'node.unreachable');
  await rest.call('POST', '/nodes/hollow/lost');
  t.match(await rest.session(id), { state: 'error', running: false });
  for (const request of ['pause', 'suspend', 'resume', 'idle', 'paused', 'suspended', 'init', 'busy', 'error'] as const)
    t.match(await ask(id, request), { status: 409, body: { error: { code: 'CONFLICT' } } }, request);
  t.match(await rest.call('POST', `/sessions/${id}/messages`, { content: 'hi' }), { status: 409 });
  t.match(await rest.call('POST', '/sessions', {}), { status: 503, body: { error: { code: 'UNAVAILABLE' } } });
  t.equal((await rest.call('DELETE', `/sessions/${id}`)).status, 204);
});
