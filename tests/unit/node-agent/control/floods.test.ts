/** A compromised node says all that its protocol lets it say, as fast as it can; beside it an honest one is heard. */
import t, { type Test } from 'tap';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { NODE_RATES } from '../../../../controller/services/fleet/node-stream/node-pace.ts';
import { STREAM_MEMORY, StreamMemory } from '../../../../controller/services/fleet/node-stream/stream-memory.ts';
import { guestFrames, nodeFrames } from '../../../../proto/codec.ts';
import type { NodeFrame } from '../../../../proto/frame.ts';
import { beyondBounds, guestBeyondBounds } from '../../../../proto/frame-bounds.ts';
import type { Log } from '../../../../seams/log.ts';
import { NODE, newMessage, newSession, OTHER_NODE, withAgents } from '../../controller/core.ts';
import { committedEvents } from '../../controller/events/committed-events.ts';
import { cluster, type FakeNode, inventory, running, S } from '../../controller/fleet/world.ts';
import { HandClock } from '../../hand-clock.ts';

const OTHER = 'session-2' as SessionId;
const MANY = 3000;

/** A session on each of two nodes, both live. */
async function twoNodes(t: Test) {
  const clock = new HandClock();
  const lines: string[] = [];
  const log: Log = {
    debug: () => undefined,
    info: (event) => lines.push(event),
    warn: (event) => lines.push(event),
    error: (event) => lines.push(event),
  };
  const world = await cluster(t, clock, log);
  const { core, connect } = world;
  await withAgents(core, ['echo']);
  await core.applier.submit(newSession({ id: S }));
  await core.applier.submit(newSession({ id: OTHER }));
  const at = core.session(S).nodeId ?? NODE;
  const other = at === NODE ? OTHER_NODE : NODE;
  t.equal(core.session(OTHER).nodeId, other);
  const settled = () => core.applier.apply({ name: 'after', decide: () => ({ mutations: [], events: [], result: undefined }) });
  const live = async (id: typeof NODE, session: SessionId) => {
    const fake = connect(id);
    const set = await fake.until(() => fake.of('assignmentSet')[0]);
    fake.say({ kind: 'setPartTaken', value: { setId: set.setId, part: 1 } });
    fake.say(running({ sessionId: session }));
    await settled();
    return fake;
  };
  const node = await live(at, S);
  const neighbour = await live(other, OTHER);
  const events = async (type: string) => (await committedEvents(core.store.events)).filter((event) => event.type === type);
  /** Time goes by; what is decided meanwhile is. */
  const pass = async (ms: number) => {
    await clock.advance(ms);
    await settled();
    await settled();
  };
  const rests = (fake: FakeNode) => {
    const moves: string[] = [];
    fake.link.pause = () => moves.push('pause');
    fake.link.resume = () => moves.push('resume');
    return moves;
  };
  return { ...world, clock, lines, at, other, node, neighbour, events, pass, settled, rests };
}

const disk = (full: boolean): NodeFrame => ({ kind: 'disk', value: { sessionId: S, generation: 1, full, limitBytes: 1 } });

t.test('a disk that is full and has room in turn, without end, leaves few events, and the last of what was said', async (t) => {
  const { core, node, pass, settled } = await twoNodes(t);
  const said = async () =>
    (await committedEvents(core.store.events)).map(({ type }) => type).filter((type) => type.startsWith('session.disk_'));
  node.say(disk(true));
  await settled();
  t.same(await said(), ['session.disk_full'], 'once, it is recorded at once');
  for (let i = 0; i < MANY; i += 1) node.say(disk(i % 2 === 1));
  node.say(disk(false));
  await settled();
  const before = (await said()).length;
  t.ok(before <= NODE_RATES.news.burst, `${before} events of ${MANY}`);
  await pass(60_000);
  t.equal((await said()).at(-1), 'session.disk_room', 'the newest is heard in the end');
  t.ok((await said()).length <= before + 3);
});

t.test('a session that is said to be paused and running in turn leaves few events, and is what was said last', async (t) => {
  const { core, node, events, pass, settled } = await twoNodes(t);
  const before = (await events('session.state')).length;
  t.equal(core.session(S).phase, 'running', 'a report is believed at once');
  for (let i = 0; i < MANY; i += 1) node.say(running({ phase: i % 2 === 0 ? 'STARTING' : 'RUNNING' }));
  node.say(running({ phase: 'STARTING', containerId: 'last' }));
  await settled();
  const left = (await events('session.state')).length - before;
  t.ok(left > 0 && left <= 2 * NODE_RATES.news.burst, `${left} events of ${MANY}`);
  await pass(60_000);
  t.equal(core.session(S).containerId, 'last');
});

t.test('an answer of the controller to a new generation is no news of the node: it is heard however many there were', async (t) => {
  const { core, node, settled } = await twoNodes(t);
  for (let i = 0; i < MANY; i += 1) node.say(running({ phase: i % 2 === 0 ? 'STARTING' : 'RUNNING' }));
  await settled();
  await core.applier.apply({
    name: 'test-generation',
    decide: () => ({
      mutations: [{ kind: 'put', table: 'sessions', row: { ...core.session(S), generation: 2 } }],
      events: [],
      result: undefined,
    }),
  });
  node.say(running({ generation: 2, containerId: 'of-two' }));
  await settled();
  t.equal(core.session(S).containerId, 'of-two');
});

t.test('runs of one message are recorded up to a bound, and a life beyond every count starts nothing', async (t) => {
  const { core, node, events, settled } = await twoNodes(t);
  const message = newMessage(S, 'hello');
  await core.applier.submit(postMessage(message));
  for (let i = 0; i < 500; i += 1)
    node.say({
      kind: 'runStarted',
      value: { sessionId: S, generation: 1, messageId: message.id, runId: `run-${i}`, agent: 'echo', hop: null },
    });
  await settled();
  const runs = (await events('run.started')).length;
  t.ok(runs > 0 && runs <= NODE_RATES.runs.burst, `${runs} runs`);
  node.say(running({ life: 1 }));
  node.say(running({ life: 2 ** 45 }));
  node.say(running({ acceptedSeq: 2 ** 47 }));
  await settled();
  t.same(core.session(S).life, { generation: 1, number: 1 });
  t.ok(core.session(S).lastSeq < 1000, 'nor does it make the numbers of messages leap');
  t.notOk(node.closed);
});

t.test('rubbish at full speed: the node is read slowly, said to be flooding once, and costs no command, event or line', async (t) => {
  const { core, alarms, at, node, neighbour, lines, pass, rests, settled } = await twoNodes(t);
  const moves = rests(node);
  const kept = (await committedEvents(core.store.events)).length;
  const printed = lines.length;
  const kinds: NodeFrame[] = [
    running({ sessionId: 'nobody-knows' }),
    { kind: 'accepted', value: { sessionId: 'nobody-knows', generation: 1, messageId: 'm', seq: 1, settled: false } },
    { kind: 'removed', value: { sessionId: 'nobody-knows', upToGeneration: 1 } },
    { kind: 'delta', value: { sessionId: 'nobody-knows', messageId: 'm', runId: 'r', agent: 'a', number: 1, text: 'x' } },
    { kind: 'streamRefused', value: { sessionId: S, ticket: 'nobody-asked', reason: 'failed', message: '' } },
    {
      kind: 'build',
      value: {
        buildId: 'b',
        phase: 'BUILD_BUILDING',
        imageId: '',
        error: '',
        baseImageMissing: false,
        refusedNow: false,
        ownBaseAgent: '',
        ownBaseImage: '',
        stages: [],
      },
    },
    { kind: 'workers', value: { sessionId: 'nobody-knows', workers: [], keptAwake: 0 } },
    { kind: 'setJudged', value: { setId: 'another', number: 1, agrees: false } },
    { kind: 'heartbeat', value: { number: 1 } },
  ];
  const rounds = Math.ceil(NODE_RATES.waste.burst / (kinds.length - 1)) + 10;
  for (let i = 0; i < rounds; i += 1) for (const frame of kinds) node.say(frame);
  await settled();
  t.same(moves, ['pause']);
  t.equal((await committedEvents(core.store.events)).length - kept, 1, 'one event, the alarm');
  t.same(
    alarms.conditions(at).map(({ type }) => type),
    ['Flood'],
  );
  t.ok(lines.length - printed <= NODE_RATES.lines.burst + 2);
  await pass(200);
  t.same(moves, ['pause', 'resume'], 'it is read on after a while');
  node.say(kinds[0] ?? never());
  for (let i = 0; i < NODE_RATES.waste.perSecond; i += 1) for (const frame of kinds) node.say(frame);
  t.equal(moves.at(-1), 'pause');
  await pass(1_000);
  t.equal((await committedEvents(core.store.events)).length - kept, 1);

  neighbour.say(running({ sessionId: OTHER, containerId: 'meanwhile' }));
  await settled();
  t.equal(core.session(OTHER).containerId, 'meanwhile', 'the other node is heard');
  t.same(alarms.conditions(OTHER_NODE === at ? NODE : OTHER_NODE), []);
});

t.test('a new stream is no new start: the rates are those of the node', async (t) => {
  const { at, node, connect, rests, settled } = await twoNodes(t);
  const rubbish = running({ sessionId: 'nobody-knows' });
  for (let i = 0; i <= NODE_RATES.waste.burst; i += 1) node.say(rubbish);
  const again = connect(at);
  await again.until(() => again.of('assignmentSet')[0]);
  const moves = rests(again);
  for (let i = 0; i < 20; i += 1) again.say(rubbish);
  await settled();
  t.same(moves, ['pause']);
});

t.test('a report that is repeated, order and all, counts as one frame without effect', async (t) => {
  const { node, rests, settled } = await twoNodes(t);
  const repeated = running();
  node.say(repeated);
  await settled();
  const moves = rests(node);
  // Fewer at once than are read undecided.
  const repeat = async (times: number) => {
    for (let i = 0; i < times; i += 1) {
      node.say(repeated);
      if (i % 400 === 0) await settled();
    }
    await settled();
  };
  await repeat(NODE_RATES.waste.burst - 100);
  t.same(moves, [], 'below the rate');
  await repeat(200);
  t.same(moves, ['pause'], 'each counts');
});

t.test('a node that speaks of the session of another is refused and raises an alarm; its own session is heard', async (t) => {
  const { core, alarms, at, node, settled } = await twoNodes(t);
  const message = newMessage(OTHER, 'for the other');
  await core.applier.submit(postMessage(message));
  const about = { sessionId: OTHER, generation: 1, messageId: message.id, runId: 'r', agent: 'echo' };
  const said: NodeFrame[] = [
    running({ sessionId: OTHER, containerId: 'stolen' }),
    { kind: 'answer', value: { ...about, outcome: 'REPLY', content: 'forged', reason: '', durationMs: 1, hops: [], model: '' } },
    { kind: 'runStarted', value: { ...about, hop: null } },
    { kind: 'accepted', value: { sessionId: OTHER, generation: 1, messageId: message.id, seq: 1, settled: true } },
    { ...disk(true), value: { sessionId: OTHER, generation: 1, full: true, limitBytes: 1 } } as NodeFrame,
    { kind: 'secretsRequest', value: { sessionId: OTHER, generation: 1, version: 1 } },
  ];
  const before = (await committedEvents(core.store.events)).length;
  for (let i = 0; i < 10; i += 1) for (const frame of said) node.say(frame);
  await settled();
  await settled();
  const after = (await committedEvents(core.store.events)).slice(before).map(({ type }) => type);
  t.same(after, ['node.alarm'], 'one event, of all of them');
  t.same(
    alarms.conditions(at).map(({ type }) => type),
    ['Trespass'],
  );
  t.not(core.session(OTHER).containerId, 'stolen');
  t.ok(node.of('secrets').every(({ version, values }) => version === 0 && Object.keys(values).length === 0));
  t.notOk(node.closed);
  node.say(running({ containerId: 'mine' }));
  await settled();
  t.equal(core.session(S).containerId, 'mine');
});

t.test('what a node says of its own session as it was before it was placed there again is refused, and no alarm', async (t) => {
  const { core, alarms, at, node, lines, settled } = await twoNodes(t);
  const row = { ...core.session(S), generation: 3, placedGeneration: 3 };
  await core.applier.apply({ name: 'test-adopted', decide: () => ({ mutations: [put('sessions', row)], events: [], result: undefined }) });
  const answer = { sessionId: S, generation: 1, messageId: 'm', runId: 'r', agent: 'echo', reason: '', durationMs: 1, hops: [], model: '' };
  node.say(running({ containerId: 'older' }));
  node.say({ kind: 'answer', value: { ...answer, outcome: 'REPLY', content: 'older' } });
  await settled();
  await settled();
  t.not(core.session(S).containerId, 'older');
  t.same(alarms.conditions(at), []);
  t.notOk(lines.includes('node.trespass'));
});

t.test('lists and conditions that alternate are heard at a rate, the newest in the end', async (t) => {
  const { at, fleet, node, lines, pass, settled } = await twoNodes(t);
  const orphan = { sessionId: '', generation: 1, containerId: 'c', volume: 'v', space: 's', image: 'i', paused: false };
  const orphans = Array.from({ length: 100 }, (_, i) => ({ ...orphan, sessionId: `orphan-${i}` }));
  const low = { type: 'DiskLow', message: 'low', sinceMs: 1, unschedulable: true };
  node.say({ kind: 'conditions', value: { conditions: [low] } });
  t.equal(fleet.stream(at)?.facts.conditions.length, 1, 'heard at once');
  for (let i = 0; i < 500; i += 1) {
    node.say({ kind: 'orphans', value: { orphans: i % 2 === 0 ? orphans : [] } });
    node.say({ kind: 'conditions', value: { conditions: i % 2 === 0 ? [] : [low] } });
    node.say({ kind: 'images', value: { images: i % 2 === 0 ? ['base'] : [] } });
  }
  node.say({ kind: 'images', value: { images: ['base', 'newest'] } });
  node.say({ kind: 'conditions', value: { conditions: [] } });
  await settled();
  t.ok(lines.filter((event) => /orphan|condition/.test(event)).length <= NODE_RATES.lines.burst);
  await pass(60_000);
  t.ok(fleet.stream(at)?.facts.images.has('newest'));
  t.same(fleet.stream(at)?.facts.conditions, []);
});

t.test('all nodes together have a bound, too, and one that keeps little is not the one that waits', (t) => {
  const memory = new StreamMemory();
  const { undecided, kept } = STREAM_MEMORY;
  memory.changeUndecided(undecided.inAll);
  t.equal(memory.isFull(undecided.share), true);
  t.equal(memory.isFull(undecided.share - 1), false);
  memory.changeUndecided(-1);
  t.equal(memory.isFull(undecided.share), false);
  t.equal(memory.isFull(undecided.ofNode), true, 'its own bound');
  const streams = Array.from({ length: kept.inAll / kept.ofNode }, () => ({}));
  t.ok(streams.every((stream) => memory.keep(stream, kept.ofNode)));
  t.equal(memory.keep({}, 1), false);
  t.equal(memory.keep(streams[0] ?? {}, kept.ofNode + 1), false);
  memory.forget(streams[0] ?? {});
  t.equal(memory.keep({}, kept.ofNode), true);
  t.end();
});

t.test('images and orphans with long names end the stream before they fill the memory', async (t) => {
  const { node } = await twoNodes(t);
  node.say({ kind: 'images', value: { images: Array.from({ length: 9000 }, (_, i) => `${i}-`.padEnd(500, 'x')) } });
  t.match(node.fault?.message, /too long/);
});

t.test('ids and names have a grammar: nothing else gets into rows, logs and terminals', (t) => {
  const holds = inventory.kind === 'inventory' ? inventory.value : never();
  const bad: NodeFrame[] = [
    running({ containerId: 'a\u001b[2Jb' }),
    running({ sessionId: 'two words' }),
    running({ volume: 'v\n' }),
    { kind: 'inventory', value: { ...holds, images: ['a\u0000'] } },
    { kind: 'delta', value: { sessionId: S, messageId: 'm', runId: 'r', agent: 'a\u009b', number: 1, text: 'x' } },
    { kind: 'conditions', value: { conditions: [{ type: 'Disk Low', message: 'm', sinceMs: 1, unschedulable: false }] } },
  ];
  for (const frame of bad) t.match(beyondBounds(frame), /contains (control|invalid) characters/, frame.kind);
  t.equal(beyondBounds(running({ containerId: 'f'.repeat(64), volume: 'raworc_1-2.3', reason: 'any\u001b text' })), undefined);
  const workers = {
    kind: 'workers',
    value: { sessionId: S, workers: Array.from({ length: 1001 }, () => ({ agent: 'a', startedAtMs: 1 })), keptAwake: 0 },
  } as const;
  t.match(guestBeyondBounds(workers), 'workers.workers is too long');
  t.match(
    guestBeyondBounds({
      kind: 'delta',
      value: { sessionId: S, messageId: 'm', runId: 'r', agent: 'a', number: 1, text: 'x'.repeat(2 ** 21) },
    }),
    /text is too long/,
  );
  t.end();
});

t.test('a frame that would become a hundred times its bytes is refused before it is decoded', (t) => {
  const listOf = (field: number, inner: number, count: number) => {
    const body = Buffer.alloc(2 * count);
    for (let i = 0; i < count; i += 1) body.writeUInt16BE((((inner << 3) | 2) << 8) | 0, 2 * i);
    const length: number[] = [];
    for (let rest = body.byteLength; ; rest = Math.floor(rest / 128)) {
      length.push((rest % 128) + (rest >= 128 ? 128 : 0));
      if (rest < 128) break;
    }
    const tag = (field << 3) | 2;
    return Buffer.concat([Buffer.from(tag < 128 ? [tag, ...length] : [(tag & 127) | 128, tag >> 7, ...length]), body]);
  };
  const before = process.memoryUsage().heapUsed;
  for (const [codec, field] of [
    [nodeFrames, 2],
    [nodeFrames, 9],
    [nodeFrames, 6],
    [nodeFrames, 41],
    [guestFrames, 41],
  ] as const)
    t.throws(() => codec.decode(listOf(field, 1, 2_000_000)), /more than 25000 fields|unknown kind/);
  t.ok(process.memoryUsage().heapUsed - before < 64 * 2 ** 20);
  const repeated = Buffer.concat(Array.from({ length: 100 }, () => nodeFrames.encode({ kind: 'heartbeat', value: { number: 1 } })));
  t.throws(() => nodeFrames.decode(repeated), /more than one message/);
  const honest = { kind: 'images', value: { images: Array.from({ length: 10_000 }, (_, i) => `image-${i}`) } } as const;
  t.same(nodeFrames.decode(nodeFrames.encode(honest)), honest, 'the longest list that is allowed comes through');
  t.end();
});

function never(): never {
  throw new Error('it is an inventory');
}
