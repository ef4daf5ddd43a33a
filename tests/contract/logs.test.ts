import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import { expect, type Rest } from '../cluster/rest.ts';
import { archiveOf } from '../unit/controller/agents/source-archives.ts';
import { space as newSpace, person, refusal, role } from './people.ts';
import { openTarget, type Target } from './target.ts';

t.setTimeout(120_000);

let target: Target;
t.before(async () => {
  target = await openTarget(t);
});

interface Line {
  readonly session_id: string;
  readonly agent: string;
  readonly run_id: string;
  readonly line: string;
  readonly timestamp: string;
}

const main = {
  name: 'main.py',
  content: 'def process_message(message, context):\n    if message.startswith("print "): print(message[6:])\n    return message\n',
};

/** A space with two agents, in which messages that begin with "print " are printed. */
async function printing(t: Test) {
  const { rest } = target;
  const space = await newSpace(t, target);
  const agents = `/spaces/${space}/agents`;
  const events = await rest.watch('/events');
  for (const name of ['echo', 'mirror']) {
    expect(await rest.call('POST', agents, { name }), 201, 'create');
    expect(await rest.send('PUT', `${agents}/${name}/source`, new Uint8Array(await archiveOf([main])), 'application/gzip'), 201, 'upload');
    expect(await rest.call('POST', `${agents}/${name}/deploy`), 200, 'deploy');
  }
  const built = async () => (await rest.latestBuild(space)).status === 'completed';
  while (!(await built())) await events.until('a build goes on', ({ type }) => type === 'build.state');
  events.close();
  const session = async (by: Rest = rest) => {
    const made = (await by.call('POST', '/sessions?wait=60s', { space })).body as { id: string };
    t.teardown(() => rest.removeSession(made.id));
    return made.id;
  };
  const lines = async (query = '', by: Rest = rest) =>
    ((await by.call('GET', `/spaces/${space}/logs?${query}`)).body as { logs: readonly Line[] }).logs;
  const texts = async (query = '', by: Rest = rest) => (await lines(query, by)).map(({ line }) => line);
  return {
    rest,
    space,
    session,
    lines,
    texts,
    print: (id: string, agent: string, text: string) => rest.say(id, `print ${text}`, { agent }),
  };
}

t.test('the logs of a space: of all sessions and agents by time, and by each filter', async (t) => {
  const { rest, space, session, lines, texts, print } = await printing(t);
  t.same((await rest.call('GET', `/spaces/${space}/logs`)).body, { space, logs: [], unread_sessions: 0 });
  const [one, two] = [await session(), await session()];
  await print(one, 'echo', 'first');
  await print(two, 'mirror', 'second');
  await print(one, 'mirror', 'third');
  t.same(await texts(), ['first', 'second', 'third'], 'in the order of time, over the sessions');
  const all = await lines();
  t.match(all, [
    { session_id: one, agent: 'echo', run_id: String, stream: 'stdout' },
    { session_id: two, agent: 'mirror' },
    { session_id: one, agent: 'mirror' },
  ]);
  t.same(await texts('limit=2'), ['second', 'third']);
  t.same(await texts('agent=mirror'), ['second', 'third']);
  t.same(await texts(`session_id=${one}`), ['first', 'third']);
  t.same(await texts(`session_id=${one}&agent=echo`), ['first']);
  t.same(await texts(`run_id=${all[1]?.run_id}`), ['second']);
  t.same(await texts(`since=${all[1]?.timestamp}`), ['second', 'third']);
  t.same(await texts(`until=${all[1]?.timestamp}`), ['first', 'second']);
  t.same(await texts('log_type=stderr'), []);
  const byAgent = (await rest.call('GET', `/spaces/${space}/agents/mirror/logs?since=${all[2]?.timestamp}`)).body;
  t.match(byAgent, { agent_name: 'mirror', logs: [{ line: 'third' }] }, 'an agent has the same filters');

  const path = `/spaces/${space}/logs`;
  for (const query of ['limit=0', 'limit=10001', 'since=yesterday', 'log_type=both', `follow=true&until=${all[0]?.timestamp}`])
    t.match(await rest.call('GET', `${path}?${query}`), refusal(400, 'BAD_REQUEST'), query);
  for (const query of [`session_id=${randomUUID()}`, 'session_id=x', 'agent=nobody'])
    t.match(await rest.call('GET', `${path}?${query}`), refusal(404, 'NOT_FOUND'), query);
  t.match(await rest.call('GET', '/spaces/none/logs'), refusal(404, 'NOT_FOUND'));
});

t.test('who follows a space hears sessions that start later, and only the agent that is asked for', async (t) => {
  const { rest, space, session, print } = await printing(t);
  const first = await session();
  await print(first, 'echo', 'before');
  const all = await rest.watch(`/spaces/${space}/logs?follow=true&limit=1`);
  t.teardown(async () => all.close());
  t.match((await all.until('the newest line', ({ type }) => type === 'log')).data, { line: 'before', session_id: first, agent: 'echo' });
  const mirror = await rest.watch(`/spaces/${space}/logs?follow=true&agent=mirror`);
  t.teardown(async () => mirror.close());
  const second = await session();
  await print(second, 'echo', 'of a session that came');
  t.match((await all.until('its line', ({ data }) => data.session_id === second)).data, { line: 'of a session that came', agent: 'echo' });
  await print(first, 'mirror', 'mirrored');
  t.match((await all.until('of another agent', ({ data }) => data.agent === 'mirror')).data, { line: 'mirrored', session_id: first });
  const heard = await mirror.until('a line', ({ type }) => type === 'log');
  t.match(heard.data, { line: 'mirrored', agent: 'mirror' });
});

t.test('a developer reads all sessions of the space, others their own, and a rule for one agent that agent', async (t) => {
  const { rest, space, session, texts, print } = await printing(t);
  const developer = await person(t, target, ['developer', space]);
  const owner = await person(t, target, [await role(t, target, 'sessions create'), space]);
  const narrow = await person(t, target, [await role(t, target, 'agents logs mirror'), space]);
  const stranger = await person(t, target, ['admin', 'default']);
  const theirs = await session();
  const own = await session(owner.rest);
  await print(theirs, 'echo', 'of the admin');
  await print(theirs, 'mirror', 'mirrored');
  await print(own, 'echo', 'own');
  t.same(await texts('', developer.rest), ['of the admin', 'mirrored', 'own']);
  t.same(await texts('', owner.rest), ['own']);
  t.same(await texts('', narrow.rest), ['mirrored']);
  t.match(await owner.rest.call('GET', `/spaces/${space}/logs?session_id=${theirs}`), refusal(404, 'NOT_FOUND'));
  t.same(await texts('agent=echo', narrow.rest), [], 'it owns no session with that agent');
  t.match(await stranger.rest.call('GET', `/spaces/${space}/logs`), refusal(404, 'NOT_FOUND'));

  const following = await owner.rest.watch(`/spaces/${space}/logs?follow=true`);
  t.teardown(async () => following.close());
  await following.until('the stored line', ({ data }) => data.line === 'own');
  await print(theirs, 'echo', 'hidden');
  await print(own, 'echo', 'shown');
  const next = await following.until('another line', ({ type, data }) => type === 'log' && data.line !== 'own');
  t.equal(next.data.line, 'shown', 'lines of others are skipped');
  const bindings = (await rest.call('GET', `/role-bindings?space=${space}`)).body as readonly { id: string; principal: string }[];
  const binding = bindings.find(({ principal }) => principal === owner.user);
  expect(await rest.call('DELETE', `/role-bindings/${binding?.id}`), 204, 'revoke');
  await t.rejects(
    following.until('the end', () => false),
    /ended/,
    'the stream ends with the role',
  );
});
