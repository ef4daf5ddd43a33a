import t from 'tap';
import type { NodeId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { createNodeToken } from '../../../../controller/domain/nodes/commands/join-tokens.ts';
import { joinNode } from '../../../../controller/domain/nodes/commands/nodes.ts';
import { removeSession } from '../../../../controller/domain/sessions/commands/remove-session.ts';
import type { NodeFrame } from '../../../../proto/frame.ts';
import { systemClock } from '../../../../seams/system.ts';
import { NODE, newMessage, newSession, OTHER_NODE, SPACE, silent, withAgents } from '../core.ts';
import { committedEvents } from '../events/committed-events.ts';
import { cluster, hello, nodeOf, running, S } from './world.ts';

t.test('hello and inventory are answered by a welcome and the full set; then changes are numbered', async (t) => {
  const { core, fleet, connect } = await cluster(t);
  await withAgents(core, ['echo']);
  await core.applier.submit(newSession({ id: S }));
  const fake = connect(nodeOf(core));
  const set = await fake.until(() => fake.of('assignmentSet')[0]);
  t.same(
    fake.told.map(({ kind }) => kind),
    ['welcome', 'assignmentSet'],
  );
  t.match(set, {
    assignments: [{ sessionId: S, generation: 1, desired: 'DESIRED_RUNNING', spec: { image: 'base', volumeExpected: false } }],
    tombstones: [],
  });
  t.ok(fleet.isConnected(nodeOf(core)));

  await core.applier.submit(removeSession(S, 'deleted'));
  t.match(fake.of('assignmentChange'), [
    { setId: set.setId, number: 1, assignments: [], tombstones: [{ sessionId: S, upToGeneration: 2 }] },
  ]);
  fake.say({ kind: 'removed', value: { sessionId: S, upToGeneration: 2 } });
  await core.applier.apply({ name: 'after', decide: () => ({ mutations: [], events: [], result: undefined }) });
  t.same(core.store.view.tombstonesOf(nodeOf(core)), []);
});

t.test('messages go out in order once the guest runs, and again to a guest that came back without them', async (t) => {
  const { core, connect } = await cluster(t);
  await withAgents(core, ['echo']);
  await core.applier.submit(newSession({ id: S }));
  const fake = connect(nodeOf(core));
  await fake.until(() => fake.of('assignmentSet')[0]);
  for (const content of ['one', 'two']) await core.applier.submit(postMessage(newMessage(S, content)));
  t.same(fake.of('deliver'), [], 'nothing before the guest runs');
  fake.say(running());
  await fake.until(() => fake.of('deliver')[1]);
  t.match(fake.of('deliver'), [
    { content: 'one', seq: 1, agent: 'echo' },
    { content: 'two', seq: 2 },
  ]);
  await core.applier.submit(postMessage(newMessage(S, 'three')));
  t.equal(fake.of('deliver').length, 3, 'at once, and only the new one');

  fake.say(running({ acceptedSeq: 1, containerId: 'c2' }));
  await fake.until(() => fake.of('deliver')[4]);
  t.same(
    fake
      .of('deliver')
      .slice(3)
      .map(({ content }) => content),
    ['two', 'three'],
    'what the guest does not hold comes again',
  );
});

t.test('a message behind one whose agent rests goes out once that one is refused', async (t) => {
  const { core, connect } = await cluster(t);
  await withAgents(core, ['echo', 'resting']);
  await core.applier.submit(newSession({ id: S }));
  const fake = connect(nodeOf(core));
  await fake.until(() => fake.of('assignmentSet')[0]);
  for (const agent of ['resting', 'echo']) await core.applier.submit(postMessage(newMessage(S, `for ${agent}`, { metadata: { agent } })));
  await core.applier.apply({
    name: 'test-rest',
    decide({ view }) {
      const agent = view.agentByName(SPACE, 'resting');
      if (agent === undefined) throw new Error('there is no agent');
      return { mutations: [put('agents', { ...agent, wanted: 'inactive' })], events: [], result: undefined };
    },
  });
  fake.say(running());
  for (let turn = 0; turn < 10; turn += 1)
    await core.applier.apply({ name: 'turn', decide: () => ({ mutations: [], events: [], result: undefined }) });
  t.match(fake.of('deliver'), [{ content: 'for echo', agent: 'echo' }]);
});

t.test('an answer is settled once committed; a stranger is not, and the session is untouched', async (t) => {
  const { core, connect } = await cluster(t);
  await withAgents(core, ['echo']);
  await core.applier.submit(newSession({ id: S }));
  const own = connect(nodeOf(core));
  const stranger = connect(nodeOf(core) === NODE ? OTHER_NODE : NODE);
  await own.until(() => own.of('assignmentSet')[0]);
  await stranger.until(() => stranger.of('assignmentSet')[0]);
  const message = newMessage(S, 'hi');
  await core.applier.submit(postMessage(message));
  const answer: NodeFrame = {
    kind: 'answer',
    value: {
      ...{ sessionId: S, generation: 1, messageId: message.id, runId: 'r', agent: 'echo', outcome: 'REPLY', content: 'ok', reason: '' },
      durationMs: 1,
      hops: [],
      model: '',
    },
  };
  stranger.say(answer);
  stranger.say(running({ phase: 'FAILED' }));
  await core.applier.apply({ name: 'after', decide: () => ({ mutations: [], events: [], result: undefined }) });
  t.same(stranger.of('settled'), []);
  t.equal(core.session(S).desired, 'running');
  t.equal(core.store.view.answerTo(message.id), undefined);
  own.say(answer);
  t.match(await own.until(() => own.of('settled')[0]), { sessionId: S, messageId: message.id });
  t.match(core.store.view.answerTo(message.id), { content: 'ok' });
  own.say(answer);
  await own.until(() => own.of('settled')[1]);
  t.pass('said twice, settled twice');
});

t.test('a session that a node does not hold any more is not what it was, until the node says so again', async (t) => {
  const { core, connect } = await cluster(t);
  await withAgents(core, ['echo']);
  await core.applier.submit(newSession({ id: S }));
  const first = connect(nodeOf(core));
  await first.until(() => first.of('assignmentSet')[0]);
  first.say(running());
  await core.applier.apply({ name: 'after', decide: () => ({ mutations: [], events: [], result: undefined }) });
  t.equal(core.session(S).phase, 'running');
  const second = connect(nodeOf(core));
  await second.until(() => second.of('assignmentSet')[0]);
  t.match(core.session(S), { phase: 'none', containerId: null });
  second.say(running());
  await core.applier.apply({ name: 'after', decide: () => ({ mutations: [], events: [], result: undefined }) });
  t.equal(core.session(S).phase, 'running');
});

t.test('a session that meets its limits or fills its disk is one line in the log, where its own node says so', async (t) => {
  const lines: object[] = [];
  const { core, connect } = await cluster(t, systemClock, {
    ...silent,
    warn: (event, fields) => void (event.startsWith('session.') && lines.push({ event, ...fields })),
  });
  await withAgents(core, ['echo']);
  await core.applier.submit(newSession({ id: S }));
  const away = nodeOf(core) === NODE ? OTHER_NODE : NODE;
  const decided = () => core.applier.apply({ name: 'after', decide: () => ({ mutations: [], events: [], result: undefined }) });
  const says = async (id: NodeId, generation: number) => {
    const fake = connect(id);
    await fake.until(() => fake.of('assignmentSet')[0]);
    for (const full of [true, false]) fake.say({ kind: 'disk', value: { sessionId: S, generation, full, limitBytes: 64 } });
    fake.say({ kind: 'limitReached', value: { sessionId: id === away ? 'none' : S, limit: 'processes', value: 40, agent: 'echo' } });
    await decided();
  };
  await says(away, 1);
  await says(nodeOf(core), 0);
  lines.splice(0);
  await says(nodeOf(core), 1);
  t.match(lines, [
    { event: 'session.limit-reached', node: nodeOf(core), session: S, reason: 'process limit reached', limit: 40, agent: 'echo' },
    { event: 'session.disk-full', node: nodeOf(core), session: S, limitBytes: 64 },
  ]);
  t.equal(lines.length, 2);
  const told = (await committedEvents(core.store.events)).filter(({ type }) => type.startsWith('session.disk_'));
  t.same(
    told.map(({ type }) => type),
    ['session.disk_full', 'session.disk_room'],
  );
});

t.test('a token is good once; the same key may ask again, since the answer may have been lost', async (t) => {
  const { core } = await cluster(t);
  const ask = (keyHash: string, more: object = {}) =>
    core.applier.submit(
      joinNode({ id: 'new' as NodeId, name: 'late', tokenId: 'once', secretHash: 's', keyHash, isConnected: () => false, ...more }),
    );
  await core.applier.submit(createNodeToken({ id: 'once', secretHash: 's', ttlMs: 60_000, uses: 1, labels: {}, user: 'admin' }));
  t.match(await ask('k1', { secretHash: 'guessed' }), { ok: false, refusal: { code: 'UNAUTHORIZED' } });
  const first = await ask('k1');
  t.match(first, { ok: true, value: { name: 'late', incarnation: 1 } });
  t.same(await ask('k1', { id: 'another' as NodeId }), first);
  t.match(await ask('k2'), { ok: false, refusal: { message: /already used/ } });
});

t.test('what is not this protocol, this cluster or this identity ends the stream with a reason', async (t) => {
  const { connect } = await cluster(t);
  const table: [object, RegExp][] = [
    [{ protocolVersion: 99, newestProtocolVersion: 0 }, /version 99/],
    [{ clusterId: 'another' }, /another cluster/],
    [{ incarnation: 0 }, /joined again/],
  ];
  for (const [more, reason] of table) t.match(connect(NODE, hello(more)).fault?.message, reason);
  const early = connect(NODE, { kind: 'heartbeat', value: { number: 1 } });
  t.match(early.fault?.message, /before hello/);
  const good = connect(NODE);
  await good.until(() => good.of('assignmentSet')[0]);
  t.notOk(good.closed);
});

t.test('what a node says of itself is kept with its stream, and keeps placements away for as long as it lasts', async (t) => {
  const { fleet, directory, connect } = await cluster(t);
  const fake = connect(NODE);
  await fake.until(() => fake.of('assignmentSet')[0]);
  const known = () => directory.node(NODE);
  const says = (...conditions: { type: string; message: string; sinceMs: number; unschedulable: boolean }[]) =>
    fake.say({ kind: 'conditions', value: { conditions } });
  const kind = { type: 'DiskKind', message: 'measured.', sinceMs: 1, unschedulable: false };
  says(kind);
  t.equal(known()?.unschedulable, undefined, 'what is only to be known keeps nothing away');
  t.match(fleet.stream(NODE)?.facts.conditions, [{ type: 'DiskKind' }]);
  says(kind, { type: 'DiskLow', message: 'The disk is low.', sinceMs: 1, unschedulable: true });
  t.equal(known()?.unschedulable, 'The disk is low.');
  says(kind);
  t.equal(known()?.unschedulable, undefined);
  says({ ...kind, unschedulable: true });
  const next = connect(NODE);
  await next.until(() => next.of('assignmentSet')[0]);
  t.equal(known()?.unschedulable, undefined, 'a new stream says it anew, or it is over');
});

t.test('a newer stream of a node takes the place of the older, and one that does not read is ended', async (t) => {
  const { core, fleet, connect } = await cluster(t);
  const first = connect(NODE);
  await first.until(() => first.of('assignmentSet')[0]);
  const second = connect(NODE);
  await second.until(() => second.of('assignmentSet')[0]);
  t.ok(first.closed);
  t.ok(fleet.isConnected(NODE));
  second.full = true;
  second.say({ kind: 'heartbeat', value: { number: 1 } });
  t.match(second.fault?.message, /does not read/);
  t.notOk(fleet.isConnected(NODE));
  await core.applier.apply({ name: 'after', decide: () => ({ mutations: [], events: [], result: undefined }) });
  t.ok((await committedEvents(core.store.events)).some(({ type }) => type === 'node.unreachable'));
});

t.test('a controller that ends stops the nodes that belong to it, and no others', async (t) => {
  const { core, fleet, connect } = await cluster(t);
  await withAgents(core, ['echo']);
  const [own, remote] = [NODE, OTHER_NODE].map((id) => connect(id));
  for (const node of [own, remote]) await node?.until(() => node.of('assignmentSet')[0]);
  const { signal } = new AbortController();
  const stopped = fleet.shutDownNodes([NODE, 'never-seen'], 5000, signal);
  await own?.until(() => own.of('shutdown')[0]);
  t.same(remote?.of('shutdown'), []);
  own?.link.close();
  await stopped;
  const all = fleet.shutDownNodes('all', 5000, signal);
  await remote?.until(() => remote.of('shutdown')[0]);
  remote?.link.close();
  await all;
});
