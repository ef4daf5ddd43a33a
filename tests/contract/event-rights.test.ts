import t from 'tap';
import { expect } from '../cluster/rest.ts';
import type { EventStream } from '../cluster/sse.ts';
import { person, role, space, unique } from './people.ts';
import { openTarget } from './target.ts';

t.setTimeout(120_000);

t.test('events of a space need the permission to read what they are about', async (t) => {
  const target = await openTarget(t);
  const { rest } = target;
  const mine = await space(t, target);
  const ci = await person(t, target, [await role(t, target, 'agents,builds get,create'), mine]);
  const watcher = await person(t, target, [await role(t, target, 'sessions get,list'), mine]);
  const keeper = await person(t, target, [await role(t, target, 'secrets,spaces get'), mine]);
  const streams = await Promise.all([ci, watcher, keeper].map((one) => one.rest.watch('/events')));
  t.teardown(() => {
    for (const stream of streams) stream.close();
  });

  const agent = unique('agent');
  expect(await ci.rest.call('POST', `/spaces/${mine}/agents`, { name: agent }), 201, 'an agent');
  expect(await ci.rest.call('POST', `/spaces/${mine}/build`, { force: true }), 201, 'a build');
  const { id } = await rest.createSession({ space: mine });
  t.teardown(() => rest.removeSession(id));
  expect(await rest.call('POST', `/spaces/${mine}/secrets`, { key_name: 'KEY', value: 'x' }), 201, 'a secret');
  expect(await rest.call('PUT', `/spaces/${mine}`, { description: 'new' }), 200, 'the space');
  // Streams are ordered, so a later event proves that no other came before it.
  expect(await ci.rest.call('POST', `/spaces/${mine}/agents`, { name: `${agent}-last` }), 201, 'an agent');
  await rest.call('PUT', `/sessions/${id}`, { name: unique('last') });
  expect(await rest.call('PUT', `/spaces/${mine}`, { description: 'last' }), 200, 'the space');

  const [ofCi, ofWatcher, ofKeeper] = streams;
  await ofCi?.until('the last agent', ({ data }) => (data.agent as { name?: string } | undefined)?.name === `${agent}-last`);
  await ofCi?.until('a build that ends', ({ data }) => ['completed', 'failed'].includes((data.build as { status: string })?.status));
  const twice = ({ events }: EventStream) => events.filter(({ type }) => type === 'space.updated').length === 2;
  for (const stream of [ofWatcher, ofKeeper]) await stream?.until('the space is changed twice', () => twice(stream));
  const kinds = streams.map(({ events }) => [...new Set(events.map(({ type }) => type.split('.')[0]))].sort());
  t.same(kinds, [
    ['agent', 'build'],
    ['secrets', 'session', 'space'],
    ['secrets', 'space'],
  ]);
});
