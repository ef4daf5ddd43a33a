import t, { type Test } from 'tap';
import type { SessionObject } from '../../../../controller/contract/sessions.ts';
import type { NodeId, SessionId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { changeDesired, neededToWake } from '../../../../controller/domain/sessions/commands/change-desired.ts';
import { removeSession } from '../../../../controller/domain/sessions/commands/remove-session.ts';
import type { Need } from '../../../../controller/domain/sessions/placement/filters.ts';
import { noRoom } from '../../../../controller/domain/sessions/placement/no-room.ts';
import type { FleetListener } from '../../../../controller/services/fleet/fleet-listener.ts';
import { openPlacementWaits } from '../../../../controller/services/sessions/open-placement-waits.ts';
import { PlacementWaits } from '../../../../controller/services/sessions/placement-waits.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemClock } from '../../../../seams/system.ts';
import { LEAST_SIZES, NODE, newSession, node, OTHER_NODE, openCore, SPACE } from '../core.ts';

const MIB = 1024 * 1024;
const never = () => new AbortController().signal;
const turns = async () => {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** One node for two sessions, both taken, and the queue for it. */
async function full(t: Test) {
  const core = await openCore({ nodes: [node(NODE, { maxSessions: 2 })] });
  t.teardown(() => core.close());
  const waits = new PlacementWaits({ fleet: core.fleet, capacity: core.capacity, clock: systemClock });
  core.applier.onCommitted(({ mutations }) => waits.committed(mutations));
  const create = (id: string, yields = waits.newcomer(), memoryBytes = 128 * MIB) =>
    core.applier.submit(newSession({ id: id as SessionId, requests: { cpuMillis: 50, memoryBytes }, yields }));
  const patiently = (id: string, signal = never(), memoryBytes = 128 * MIB) =>
    waits.run(
      { spaceId: SPACE, constraints: [], need: () => undefined, attempt: (yields) => create(id, yields ?? (() => false), memoryBytes) },
      signal,
    );
  const resume = (id: string, signal = never()) =>
    waits.run(
      {
        ...{ spaceId: SPACE, constraints: [], sessionId: id as SessionId, onlyOn: NODE },
        attempt: (yields) => core.applier.submit(changeDesired(id as SessionId, 'resume', 0, yields)),
        need: () => neededToWake(core.session(id)),
      },
      signal,
    );
  const remove = (id: string) => core.applier.submit(removeSession(id as SessionId, 'deleted'));
  const suspend = (id: string) => core.applier.submit(changeDesired(id as SessionId, 'suspend', 0));
  await create('one');
  await create('two');
  return { core, waits, create, patiently, resume, remove, suspend };
}

const IN_TURN = {
  ok: false,
  refusal: {
    message: /has room for which earlier requests wait.*Requests with `wait` are served in turn/,
    details: { nodes: [{ filter: 'queue' }] },
  },
};

t.test('a request without wait does not take the room that one of its space waits for', async (t) => {
  const { create, patiently, remove } = await full(t);
  const waiting = patiently('three');
  await turns();
  // Decided in one batch: nobody was woken yet.
  const [, newcomer] = await Promise.all([remove('one'), create('four')]);
  t.match(newcomer, IN_TURN);
  t.match(await waiting, { ok: true });
  await remove('two');
  t.match(await create('four'), { ok: true }, 'once nobody waits');
});

t.test('nor does a small one overtake a large one that the room is too small for', async (t) => {
  const { create, patiently, remove } = await full(t);
  const over = new AbortController();
  const waiting = patiently('large', over.signal, 4000 * MIB);
  await remove('one');
  await turns();
  t.match(await create('small'), IN_TURN);
  t.match(await create('small'), IN_TURN, 'however often it tries');
  over.abort();
  t.match(await waiting, { ok: false, refusal: { message: /of 4096 MiB left/ } });
  t.match(await create('small'), { ok: true });
});

t.test('room goes to the space that uses less, waiting or not; what the others need is nobody else’s concern', async (t) => {
  const core = await openCore({ nodes: [node(NODE), node(OTHER_NODE, { cordoned: true })] });
  t.teardown(() => core.close());
  const used = new Map([
    ['poor', 0],
    ['middle', 500],
    ['rich', 1000],
  ]);
  const nodes = core.fleet.nodes().map((each) => ({ ...each, sessions: 1, maxSessions: 1 }));
  const fleet = {
    ...core.fleet,
    nodes: () => nodes,
    spaceUse: (space: SpaceId) => ({ cpuMillis: used.get(space) ?? 0, memoryBytes: 0, diskBytes: 0, sessions: 0 }),
  };
  const freed = new Set<NodeId>();
  const capacity = { takeFreed: () => freed, isFreed: (id: NodeId) => freed.has(id) };
  const waits = new PlacementWaits({ fleet, capacity, clock: systemClock });
  const need = (space: string): Need => ({ ...LEAST_SIZES, spaceId: space as SpaceId, image: 'base' });
  const wanted = need('middle');
  const over = new AbortController();
  const attempt = async () => ({ ok: false as const, refusal: { code: 'UNAVAILABLE' as const, message: '' }, need: wanted });
  const waiting = waits.run({ spaceId: wanted.spaceId, constraints: [], attempt, need: () => wanted }, over.signal);
  await turns();
  const yields = (space: string, at: number) => nodes.slice(at, at + 1).map((one) => waits.newcomer()(one, need(space)));
  t.same([yields('rich', 0), yields('poor', 0)], [[false], [false]], 'the node has no room for the one that waits');
  // Room comes free.
  Object.assign(nodes[0] ?? {}, { sessions: 0 });
  t.same(yields('rich', 0), [false], 'not seen by anybody');
  freed.add(NODE);
  t.same([yields('rich', 0), yields('poor', 0)], [[true], [false]]);
  t.same(yields('middle', 1), [true], 'of its own space and constraints, everywhere');
  t.same(yields('rich', 1), [false], 'where the one that waits does not fit');
  over.abort();
  await waiting;
  t.same(yields('rich', 0), [false]);
});

t.test('a resume waits for room on its node, in order with others of its space that need this node', async (t) => {
  const { core, create, resume, remove, suspend } = await full(t);
  for (const id of ['one', 'two']) await suspend(id);
  for (const id of ['three', 'four']) t.match(await create(id), { ok: true });
  const order: string[] = [];
  const waiting = ['two', 'one'].map((id) => resume(id).then((outcome) => outcome.ok && order.push(id)));
  await turns();
  t.match(await core.applier.submit(changeDesired('two' as SessionId, 'resume', 0)), {
    ok: false,
    refusal: { code: 'UNAVAILABLE', message: /^The session cannot run again on its node: node-a already has its maximum of 2/ },
  });
  await remove('three');
  await turns();
  t.same(order, ['two']);
  await remove('four');
  await Promise.all(waiting);
  t.same(order, ['two', 'one']);
});

t.test('when its time is up, a resume is refused as without waiting', async (t) => {
  const { core, create, resume, suspend } = await full(t);
  await suspend('one');
  await create('three');
  const over = new AbortController();
  const waiting = resume('one', over.signal);
  await turns();
  over.abort();
  t.same(await waiting, await core.applier.submit(changeDesired('one' as SessionId, 'resume', 0)));
});

t.test('a resume is answered at once when another request resumed or deleted its session, whatever its place', async (t) => {
  const { create, patiently, resume, remove, suspend } = await full(t);
  for (const id of ['one', 'two']) await suspend(id);
  for (const id of ['three', 'four']) await create(id);
  const over = new AbortController();
  const waiting = [patiently('five', over.signal), resume('one', over.signal), resume('two', over.signal), resume('two', over.signal)];
  await turns();
  await remove('one');
  t.match(await waiting[1], { ok: false, refusal: { code: 'NOT_FOUND' } });
  await remove('three');
  t.match(await waiting[0], { ok: true });
  await remove('four');
  t.match(await Promise.all(waiting.slice(2)), [{ ok: true }, { ok: true }], 'both, though there is room for one start');
});

for (const how of ['imagesChanged', 'closed'] as const)
  t.test(`a copy that waits takes the image of its parent, once no node has the newest build: ${how}`, async (t) => {
    const built = new Set(['build']);
    // The one with the build takes no new session.
    const nodes = [node(NODE, { images: new Set(['parent']) }), node(OTHER_NODE, { images: built, cordoned: true })];
    const core = await openCore({ nodes });
    t.teardown(() => core.close());
    const listeners: FleetListener[] = [];
    const waits = openPlacementWaits({
      ...{ applier: core.applier, capacity: core.capacity, clock: systemClock, metrics: silentMetrics },
      directory: core.fleet as never,
      fleet: { listen: (listener: FleetListener) => listeners.push(listener) } as never,
    });
    const need = (): Need => ({ ...LEAST_SIZES, spaceId: SPACE, image: built.has('build') ? 'build' : 'parent' });
    const copy = waits.run(
      {
        ...{ spaceId: SPACE, constraints: [], sessionId: 'one' as SessionId, need },
        attempt: async () => {
          const now = need();
          return now.image === 'parent' ? { ok: true, value: {} as SessionObject } : noRoom(now, []);
        },
      },
      never(),
    );
    await turns();
    built.clear();
    for (const listener of listeners) listener[how](OTHER_NODE, ['build']);
    t.match(await Promise.race([copy, turns()]), { ok: true }, 'on the node that did not change');
  });
