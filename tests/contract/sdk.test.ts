import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import { NothingToCome, Raworc, RaworcError, type Session } from '../../sdk/raworc.ts';
import { archiveOf, main } from '../unit/controller/agents/source-archives.ts';
import { unique } from './people.ts';
import { openTarget, type Target } from './target.ts';

let target: Target;
let raworc: Raworc;

t.before(async () => {
  target = await openTarget(t);
  raworc = new Raworc({ url: target.url, login: { user: 'admin', pass: target.password } });
});

async function session(t: Test, body: { name?: string; metadata?: Record<string, unknown> } = {}): Promise<Session> {
  const made = await raworc.sessions.create({ space: 'default', ...body }, { wait: '60s' });
  t.teardown(() => raworc.sessions.delete(made.id).catch(() => undefined));
  return made;
}

t.test('logs in when needed, and passes on the reason of a refusal', async (t) => {
  t.match(await raworc.auth.me(), { user: 'admin', roles: ['admin'] });
  await t.rejects(raworc.sessions.get(randomUUID()), { name: 'RaworcError', status: 404, code: 'NOT_FOUND', requestId: /./ });
  const invalid = raworc.spaces.create({ name: 'not a name!' });
  await t.rejects(invalid, { status: 422, code: 'UNPROCESSABLE_ENTITY' });
  await invalid.catch((error: unknown) => t.ok(error instanceof RaworcError && error.details !== undefined, 'with details'));
  const stranger = new Raworc({ url: target.url, login: { user: unique('nobody'), pass: 'wrong' } });
  await t.rejects(stranger.auth.me(), { name: 'RaworcError', status: 401 });
});

t.test('an API key works like a login until it is deleted', async (t) => {
  const made = await raworc.apiKeys.create({ name: unique('key') });
  const keyed = new Raworc({ url: target.url, apiKey: made.key });
  t.match(await keyed.auth.me(), { user: 'admin' });
  t.equal(await raworc.apiKeys.delete(made.id), undefined);
  await t.rejects(keyed.auth.me(), { name: 'RaworcError', status: 401 });
});

t.test('a create repeated under its key creates one object; lists walk all pages', async (t) => {
  const batch = unique('batch');
  const idempotencyKey = randomUUID();
  const first = await raworc.sessions.create({ metadata: { batch } }, { idempotencyKey });
  t.teardown(() => raworc.sessions.delete(first.id).catch(() => undefined));
  t.equal((await raworc.sessions.create({ metadata: { batch } }, { idempotencyKey })).id, first.id);
  const second = await session(t, { metadata: { batch } });
  const found: string[] = [];
  for await (const one of raworc.sessions.all({ 'metadata.batch': batch })) found.push(one.id);
  t.same(found, [second.id, first.id]);
  t.same(await raworc.sessions.list({ 'metadata.batch': batch, limit: 1, order: 'asc' }), [await raworc.sessions.get(first.id)]);
});

t.test('waits for a state by its events', async (t) => {
  const { id } = await session(t);
  t.equal((await raworc.waitFor(id, 'idle', { timeoutMs: 60_000 })).id, id, 'it is already');
  const paused = raworc.waitFor(id, 'paused', { timeoutMs: 60_000 });
  const renamed = raworc.waitFor(id, ({ name }) => name === 'renamed', { timeoutMs: 60_000 });
  await raworc.sessions.pause(id);
  t.equal((await paused).state, 'paused');
  await raworc.sessions.update(id, { name: 'renamed' });
  t.equal((await renamed).name, 'renamed');
  await t.rejects(raworc.waitFor(id, 'busy', { timeoutMs: 20 }), { name: 'TimeoutError' });
  // The event can come before the answer.
  const never = raworc.waitFor(id, 'busy').then(
    () => undefined,
    (error: unknown) => error,
  );
  await raworc.sessions.delete(id);
  const error = await never;
  t.ok(error instanceof NothingToCome || error instanceof RaworcError, String(error));
});

t.test('an agent is deployed and answers, with events for both', async (t) => {
  const space = unique('space');
  await raworc.spaces.create({ name: space });
  t.teardown(() => raworc.spaces.delete(space));
  const events = await raworc.events();
  t.teardown(() => events.close());
  await raworc.secrets.create(space, { key_name: 'SDK_KEY', value: 'a value' });
  t.equal('value' in (await raworc.secrets.get(space, 'SDK_KEY')), false);
  t.equal((await raworc.secrets.get(space, 'SDK_KEY', { show_values: true })).value, 'a value');
  await raworc.agents.create(space, { name: 'hello' });
  const archive = new Uint8Array(await archiveOf([main]));
  t.match(await raworc.agents.updateSource(space, 'hello', new Blob([archive])), { runtime: 'python' });
  await raworc.agents.deploy(space, 'hello');
  const queued = await raworc.builds.getLatest(space);
  let built = queued;
  for await (const heard of events) {
    if (heard.kind !== 'event' || heard.type !== 'build.state' || heard.data.space !== space) continue;
    built = await raworc.builds.get(space, queued.id);
    if (built.status === 'completed' || built.status === 'failed') break;
  }
  t.equal(built.status, 'completed');
  const made = await raworc.sessions.create({ space }, { wait: '60s' });
  t.teardown(() => raworc.sessions.delete(made.id));
  const answer = await raworc.send(made.id, 'are you there?', { onDelta: () => undefined });
  t.match(answer, { role: 'agent', session_id: made.id, metadata: { type: 'agent_response', agent: 'hello' } });
  const kept = await raworc.messages.list(made.id, { role: 'agent' });
  t.same(kept, [answer], 'the answer is the one in the store');
  t.match(await raworc.agents.listRunning(space), [{ name: 'hello', sessions: 1 }]);
  if (target.hollow) t.equal(answer.content, 'echo: are you there?');
});
