import t, { type Test } from 'tap';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { removeSession } from '../../../../controller/domain/sessions/commands/remove-session.ts';
import { PART } from '../../../../controller/services/fleet/assignments.ts';
import { MAX_UNDECIDED } from '../../../../controller/services/fleet/node-stream/flow-control.ts';
import { PARTS_AHEAD } from '../../../../controller/services/fleet/set-sender.ts';
import type { NodeFrame } from '../../../../proto/frame.ts';
import { SetSum } from '../../../../proto/set-sum.ts';
import { HandClock } from '../../hand-clock.ts';
import { allOn, LEAST_SIZES, NODE, newSession, OTHER_NODE } from '../core.ts';
import { cluster, type FakeNode, hello, inventory, running } from './world.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));
const idOf = (at: number) => `session-${String(at).padStart(4, '0')}` as SessionId;

/** All sessions on one node: the other is not to be had. */
async function crowd(t: Test, count: number, clock?: HandClock) {
  const world = await cluster(t, clock);
  for (let at = 0; at < count; at += 1) await world.core.applier.submit(newSession({ id: idOf(at), ...LEAST_SIZES }));
  const on = (node: typeof NODE) => allOn(world.core.store.view, node).map(({ id }) => id);
  return { ...world, on };
}

async function quiet(fake: FakeNode): Promise<void> {
  for (let before = -1; before !== fake.told.length; ) {
    before = fake.told.length;
    for (let turns = 0; turns < 20; turns += 1) await turn();
  }
}

const take = (fake: FakeNode, setId: string, part: number) => fake.say({ kind: 'setPartTaken', value: { setId, part } });

t.test('a full set comes in parts, few ahead of what the node took, with changes in between', async (t) => {
  const { core, fleet, connect, on } = await crowd(t, 800);
  const ids = on(NODE);
  t.ok(ids.length > 5 * PART.sessions);
  const fake = connect(NODE);
  await fake.until(() => fake.of('assignmentSet')[0]);
  await quiet(fake);
  const parts = () => fake.of('assignmentSet');
  t.equal(parts().length, PARTS_AHEAD, 'no more than may be on their way');
  t.equal(fleet.stream(NODE)?.outbound.agreed, false);
  const setId = parts()[0]?.setId ?? '';

  const [first = idOf(0), last = idOf(0)] = [ids[0], ids.toSorted().at(-1)];
  await core.applier.submit(removeSession(last, 'test'));
  await core.applier.submit(removeSession(first, 'test'));
  t.same(fake.of('assignmentChange'), [], 'a session of a later part may have to copy their volumes');
  for (let part = 1; fleet.stream(NODE)?.outbound.agreed === false; part += 1) {
    take(fake, setId, part);
    await quiet(fake);
    t.ok(parts().length <= part + PARTS_AHEAD);
  }
  const named = parts().flatMap(({ assignments }) => assignments.map(({ sessionId }) => sessionId));
  t.same(named, ids.filter((id) => id !== last).toSorted(), 'each once, and not the one that was gone before its part was made');
  t.same(
    parts().flatMap(({ part, tombstones }) => tombstones.map(({ sessionId }) => [part, sessionId])),
    [first, last].toSorted().map((id) => [parts().length, id]),
    'with the last sessions',
  );
  const [another = idOf(0)] = on(NODE);
  await core.applier.submit(removeSession(another, 'test'));
  t.match(fake.of('assignmentChange'), [{ setId, number: 1, tombstones: [{ sessionId: another }] }]);
  t.same(
    parts().map(({ part, more }) => [part, more]),
    parts().map((_, at) => [at + 1, at + 1 < parts().length]),
  );

  await t.test('a node that acknowledges a part that was not sent is disconnected', async (t) => {
    take(fake, setId, 99);
    t.match(fake.fault?.message, /was not sent/);
  });
});

t.test('nothing is sent again to a node that holds what it should; one that differs is told everything', async (t) => {
  const clock = new HandClock();
  const { core, fleet, connect, on } = await crowd(t, 100, clock);
  const fake = connect(NODE);
  const agree = async () => {
    for (const { setId, part } of fake.of('assignmentSet')) take(fake, setId, part);
    await quiet(fake);
  };
  await fake.until(() => fake.of('assignmentSet')[0]);
  await quiet(fake);
  await agree();
  t.equal(fleet.stream(NODE)?.outbound.agreed, true);
  const sets = () => fake.of('assignmentSet').filter(({ part }) => part === 1).length;
  const beat = async (ms: number) => {
    for (let gone = 0; gone < ms; gone += 3_000) {
      fake.say({ kind: 'heartbeat', value: { number: 1 } });
      await clock.advance(3_000);
    }
    await quiet(fake);
  };
  await beat(20 * 60_000);
  const digests = fake.of('setDigest');
  t.ok(digests.length >= 3, `${digests.length} comparisons in twenty minutes`);
  t.equal(sets(), 1, 'no set again');
  const sum = new SetSum();
  for (const id of on(NODE)) sum.add(id, core.session(id).generation);
  t.match(digests[0], { sessions: sum.sessions, sum: sum.text });
  const { setId = '', number = 0 } = digests.at(-1) ?? {};
  fake.say({ kind: 'setJudged', value: { setId, number, agrees: true } });
  await quiet(fake);
  t.equal(sets(), 1);
  fake.say({ kind: 'setJudged', value: { setId, number, agrees: false } });
  await quiet(fake);
  t.equal(sets(), 2, 'it differs: everything anew');
  t.notOk(fake.closed);
});

t.test('sums differ with every session and generation, and not with their order', async (t) => {
  const sumOf = (pairs: [string, number][]) => {
    const sum = new SetSum();
    for (const [id, generation] of pairs) sum.add(id, generation);
    return `${sum.sessions} ${sum.text}`;
  };
  const pairs = Array.from({ length: 500 }, (_, at): [string, number] => [idOf(at), 1_700_000_000_000 + at]);
  const whole = sumOf(pairs);
  t.equal(sumOf(pairs.toReversed()), whole);
  const seen = new Set([whole]);
  for (const [at, [id, generation]] of pairs.entries()) {
    seen.add(sumOf(pairs.with(at, [id, generation + 1])));
    seen.add(sumOf(pairs.toSpliced(at, 1)));
  }
  t.equal(seen.size, 1001);
  const sum = new SetSum();
  for (const [id, generation] of pairs) sum.add(id, generation);
  for (const [id, generation] of pairs) sum.remove(id, generation);
  t.same([sum.sessions, sum.text], [0, '0000000000000000']);
});

t.test('an inventory in parts: each is taken before the next, and only what no part names is not held', async (t) => {
  const { core, fleet, connect, on } = await crowd(t, 20);
  const ids = on(NODE);
  const [held, missing] = [ids.slice(0, 6), ids.slice(6)];
  const report = (sessionId: string) => {
    const frame = running({ sessionId });
    if (frame.kind !== 'report') throw new Error('no report');
    return frame.value;
  };
  const before = connect(NODE);
  await before.until(() => before.of('assignmentSet')[0]);
  for (const id of ids) before.say(running({ sessionId: id }));
  await quiet(before);
  t.ok(ids.every((id) => core.session(id).phase === 'running'));

  const part = (number: number, more: boolean, sessions: string[]): NodeFrame => ({
    kind: 'inventory',
    value: { sessions: sessions.map(report), images: [`image-${number}`], tombstones: [], orphans: [], part: number, more },
  });
  const fake = connect(NODE, hello(), part(1, true, held.slice(0, 3)));
  await fake.until(() => fake.of('inventoryTaken')[0]);
  t.notOk(fleet.stream(NODE), 'not live yet');
  t.ok(missing.every((id) => core.session(id).phase === 'running'));
  fake.say(part(2, false, held.slice(3)));
  await fake.until(() => fake.of('assignmentSet')[0]);
  t.same(
    ids.map((id) => core.session(id).phase),
    ids.map((id) => (held.includes(id) ? 'running' : 'none')),
  );
  t.same([...(fleet.stream(NODE)?.facts.images ?? [])], ['image-1', 'image-2']);

  fake.link.close();
  const wrong = connect(NODE, hello(), part(2, true, []));
  t.match(wrong.fault?.message, /does not follow/);
});

t.test('what one node leads to ends its stream and nothing else', async (t) => {
  const { core, fleet, connect } = await crowd(t, 2);
  const rejected: unknown[] = [];
  const onRejection = (error: unknown) => rejected.push(error);
  process.on('unhandledRejection', onRejection);
  t.teardown(() => process.off('unhandledRejection', onRejection));
  let isBroken = true;
  fleet.listen({
    live(nodeId) {
      if (nodeId === NODE && isBroken) throw new Error('a fault in what follows');
    },
    imagesChanged: () => undefined,
    closed() {
      if (isBroken) throw new Error('and one in what follows the end');
    },
    built: () => undefined,
    imageMissing: () => undefined,
    conditionsChanged: () => undefined,
  });
  const other = connect(OTHER_NODE);
  const fake = connect(NODE);
  await quiet(fake);
  t.match(fake.fault?.message, 'a fault in what follows');
  t.notOk(other.closed);
  t.ok(fleet.isConnected(OTHER_NODE));
  isBroken = false;
  const again = connect(NODE);
  await again.until(() => again.of('assignmentSet')[0]);
  again.full = true;
  await core.applier.submit(newSession());
  t.same(rejected, []);
  t.same(core.fatal, []);
});

t.test('what is undecided is bounded in bytes, too', async (t) => {
  const { core, connect } = await crowd(t, 1);
  const fake = connect(NODE);
  await fake.until(() => fake.of('assignmentSet')[0]);
  await quiet(fake);
  const moves: string[] = [];
  fake.link.pause = () => moves.push('pause');
  fake.link.resume = () => moves.push('resume');
  const about = { sessionId: idOf(0), generation: 1, runId: 'r', agent: 'echo', reason: '', durationMs: 1, hops: [], model: '' };
  const content = 'x'.repeat(MAX_UNDECIDED.bytes / 8);
  for (let at = 0; at < 7; at += 1)
    fake.say({ kind: 'answer', value: { ...about, messageId: `m${at}`, content, outcome: 'REPLY' } }, content.length);
  t.same(moves, []);
  fake.say({ kind: 'answer', value: { ...about, messageId: 'm7', content, outcome: 'REPLY' } }, content.length);
  t.same(moves, ['pause'], 'eight answers of half a megabyte');
  await core.applier.apply({ name: 'after', decide: () => ({ mutations: [], events: [], result: undefined }) });
  await quiet(fake);
  t.same(moves, ['pause', 'resume']);
});

t.test('a node that says what no node agent says is cut off: strings and lists have bounds', async (t) => {
  const long = 'x'.repeat(100_000);
  const { connect } = await crowd(t, 1);
  const limit = { sessionId: idOf(0), limit: 'memory', value: 1, agent: 'echo' };
  const low = { type: 'DiskLow', message: 'low', sinceMs: 1, unschedulable: false };
  const holds = inventory.kind === 'inventory' ? inventory.value : undefined;
  const greetings: [string, NodeFrame | undefined, NodeFrame | undefined, NodeFrame | undefined][] = [
    ['hello.hostname', hello({ hostname: long }), undefined, undefined],
    ['inventory.images', undefined, { kind: 'inventory', value: { ...(holds ?? never()), images: [long] } }, undefined],
    ['images.images', undefined, undefined, { kind: 'images', value: { images: Array.from({ length: 10_001 }, () => 'i') } }],
    ['report.container_id', undefined, undefined, running({ sessionId: idOf(0), containerId: long })],
    ['report.reason', undefined, undefined, running({ sessionId: idOf(0), reason: long })],
    ['removed.session_id', undefined, undefined, { kind: 'removed', value: { sessionId: long, upToGeneration: 1 } }],
    ['limitReached.agent', undefined, undefined, { kind: 'limitReached', value: { ...limit, agent: long } }],
    ['disk.session_id', undefined, undefined, { kind: 'disk', value: { sessionId: long, generation: 1, full: true, limitBytes: 1 } }],
    ['conditions.conditions', undefined, undefined, { kind: 'conditions', value: { conditions: Array.from({ length: 1001 }, () => low) } }],
  ];
  for (const [field, greeting, holding, said] of greetings) {
    const fake = connect(NODE, greeting, holding);
    if (said !== undefined) {
      await fake.until(() => fake.of('assignmentSet')[0]);
      fake.say(said);
    }
    t.match(fake.fault?.message, `${field} is too long`, field);
  }
});

t.test('no number of a node is one that cannot be stored, or a time that cannot be written', async (t) => {
  const { connect } = await crowd(t, 1);
  const huge = 2 ** 64;
  const said: NodeFrame[] = [
    running({ sessionId: idOf(0), acceptedSeq: huge }),
    { kind: 'conditions', value: { conditions: [{ type: 'DiskLow', message: 'low', sinceMs: huge, unschedulable: false }] } },
    { kind: 'workers', value: { sessionId: idOf(0), workers: [{ agent: 'echo', startedAtMs: huge }], keptAwake: 0 } },
  ];
  for (const frame of said) {
    const fake = connect(NODE);
    await fake.until(() => fake.of('assignmentSet')[0]);
    fake.say(frame);
    t.match(fake.fault?.message, `a number in ${frame.kind} is too large`);
  }
});

t.test('a condition that is said to be older than time itself is shown as old as time', async (t) => {
  const { connect, fleet } = await crowd(t, 1);
  const fake = connect(NODE);
  await fake.until(() => fake.of('assignmentSet')[0]);
  const sinceMs = 200_000_000_000_000;
  fake.say({ kind: 'conditions', value: { conditions: [{ type: 'DiskLow', message: 'low', sinceMs, unschedulable: false }] } });
  t.same(
    fleet.stream(NODE)?.facts.conditions.map(({ since }) => since),
    [0],
  );
});

t.test('an inventory ends: one that names ever more images or sessions is refused', async (t) => {
  const { connect } = await crowd(t, 1);
  const images = (part: number) => Array.from({ length: 6000 }, (_, at) => `image-${part}-${at}`);
  const empty = { sessions: [], tombstones: [], orphans: [], more: true };
  const fake = connect(NODE, hello(), { kind: 'inventory', value: { ...empty, images: images(1), part: 1 } });
  t.notOk(fake.closed);
  fake.say({ kind: 'inventory', value: { ...empty, images: images(2), part: 2 } });
  t.match(fake.fault?.message, /too many images/);
});

function never(): never {
  throw new Error('no inventory');
}

t.test('what a node says right after its inventory is taken once the stream is live, in order', async (t) => {
  const { core, fleet, connect } = await cluster(t);
  await core.applier.submit(newSession({ id: idOf(1) }));
  const fake = connect(NODE);
  for (const image of ['first', 'second']) fake.say({ kind: 'images', value: { images: [image] } });
  t.equal(fleet.stream(NODE)?.isLive ?? false, false, 'said before the inventory was decided');
  await fake.until(() => fake.of('assignmentSet')[0]);
  await quiet(fake);
  t.equal(fake.fault, undefined);
  t.same([...(fleet.stream(NODE)?.facts.images ?? [])], ['second']);

  await t.test('and what ends before that leaves nothing behind', async (t) => {
    const gone = connect(OTHER_NODE);
    gone.say({ kind: 'images', value: { images: ['first'] } });
    gone.link.close();
    await quiet(gone);
    t.equal(fleet.stream(OTHER_NODE), undefined);
  });
});
