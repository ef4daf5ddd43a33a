import t, { type Test } from 'tap';
import type { SessionObject } from '../../../../controller/contract/sessions.ts';
import type { FleetNode } from '../../../../controller/domain/engine/fleet.ts';
import type { NodeId, SessionId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { type Mutation, put } from '../../../../controller/domain/engine/mutation.ts';
import type { Outcome } from '../../../../controller/domain/engine/outcome.ts';
import { removeSession } from '../../../../controller/domain/sessions/commands/remove-session.ts';
import type { Need } from '../../../../controller/domain/sessions/placement/filters.ts';
import { noRoom } from '../../../../controller/domain/sessions/placement/no-room.ts';
import { couldEverTake } from '../../../../controller/domain/sessions/placement/placement.ts';
import { NO_PLACEMENT_RULES } from '../../../../controller/domain/sessions/placement/placement-rules.ts';
import { MAX_WAITING } from '../../../../controller/domain/sessions/placement/wait-queue.ts';
import { DEFAULT_SIZE_RULES } from '../../../../controller/domain/sessions/session-sizes.ts';
import { PlacementWaits } from '../../../../controller/services/sessions/placement-waits.ts';
import type { RoomRequest } from '../../../../controller/services/sessions/room-request.ts';
import { prometheusMetrics } from '../../../../seams/prometheus.ts';
import { systemClock } from '../../../../seams/system.ts';
import { NODE, newSession, node, openCore, SPACE } from '../core.ts';

const MIB = 1024 * 1024;
const SMALL = {
  requests: { cpuMillis: 1, memoryBytes: 1 },
  limits: { cpuMillis: 1, memoryBytes: 1, diskBytes: 1, processes: 1 },
};
const never = () => new AbortController().signal;

/** A node that takes two sessions, and the queue for it. */
async function full(t: Test) {
  const known = { ...node(NODE), maxSessions: 2 };
  const core = await openCore({ nodes: [known] });
  t.teardown(() => core.close());
  const metrics = prometheusMetrics({ processMetrics: false });
  const waits = new PlacementWaits({ fleet: core.fleet, capacity: core.capacity, clock: systemClock, metrics });
  core.applier.onCommitted(({ mutations }) => waits.committed(mutations));
  let attempts = 0;
  const placed: string[] = [];
  const creation = (id: string, memoryBytes = 128 * MIB): RoomRequest => ({
    ...{ spaceId: SPACE, constraints: [] },
    attempt() {
      attempts += 1;
      return core.applier.submit(newSession({ id: id as SessionId, requests: { cpuMillis: 50, memoryBytes } }));
    },
    need: () => undefined,
  });
  const create = (id: string, signal = never()) =>
    waits.run(creation(id), signal).then((outcome) => {
      if (outcome.ok) placed.push(id);
      return outcome;
    });
  const remove = (id: string) => core.applier.apply(removeSession(id as SessionId, 'deleted'));
  await create('one');
  await create('two');
  return { core, known, waits, creation, create, remove, placed, metrics, attempts: () => attempts };
}

t.test('room that comes free is given to those who wait, in order, and nothing is tried meanwhile', async (t) => {
  const { create, remove, placed, attempts, metrics, core } = await full(t);
  const waiting = ['three', 'four', 'five'].map((id) => create(id));
  await core.applier.apply({ name: 'turn', decide: () => ({ mutations: [], events: [], result: undefined }) });
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  const before = attempts();
  t.match(await metrics.text(), /raworc_placement_waiting 3\n/);
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  t.equal(attempts(), before, 'a full node is not asked again');
  await remove('one');
  t.match(await waiting[0], { ok: true });
  t.same(placed, ['one', 'two', 'three']);
  await Promise.all([remove('two'), remove('three')]);
  await Promise.all(waiting);
  t.same(placed, ['one', 'two', 'three', 'four', 'five']);
  t.match(await metrics.text(), /raworc_placement_waits_total\{outcome="placed"\} 3\n/);
});

t.test('one that was refused in the commit that freed the room is tried again', async (t) => {
  const { create, remove, placed } = await full(t);
  const waiting = create('three');
  // Decided after the refusal, in the same batch.
  const removed = remove('one');
  await removed;
  t.match(await waiting, { ok: true });
  t.same(placed, ['one', 'two', 'three']);
});

t.test('when the time is up, the refusal explains the nodes, and the place is free', async (t) => {
  const { create, remove, placed, metrics } = await full(t);
  const patience = new AbortController();
  const waiting = [create('three', patience.signal), create('four')];
  await new Promise((resolve) => setImmediate(resolve));
  patience.abort();
  t.match(await waiting[0], {
    ok: false,
    refusal: { code: 'UNAVAILABLE', message: /maximum of 2 sessions/, details: { nodes: [{ filter: 'sessions' }] } },
  });
  await remove('one');
  t.match(await waiting[1], { ok: true });
  t.same(placed, ['one', 'two', 'four']);
  t.match(await metrics.text(), /raworc_placement_waits_total\{outcome="unplaced"\} 1\n/);
  const late = new AbortController();
  late.abort();
  t.match(await create('five', late.signal), { ok: false }, 'without patience it is as without the queue');
});

t.test('the refusal of one that waited behind another is about what it needs now', async (t) => {
  const { waits, creation, create } = await full(t);
  const ahead = new AbortController();
  const first = create('three', ahead.signal);
  await new Promise((resolve) => setImmediate(resolve));
  const need: Need = { ...SMALL, spaceId: SPACE, image: 'base' };
  let settings: Need['placement'];
  const patience = new AbortController();
  const behind = waits.run(
    { ...creation('four'), need: () => (settings === undefined ? need : { ...need, placement: settings }) },
    patience.signal,
  );
  await new Promise((resolve) => setImmediate(resolve));
  settings = { ...NO_PLACEMENT_RULES, antiAffinity: 'required', sessionsOfSpace: () => 1 };
  patience.abort();
  t.match(await behind, { ok: false, refusal: { message: /already has a session of this space/ } });
  ahead.abort();
  t.match(await first, { ok: false });
});

t.test('a node that allows other sizes has those who wait look at their needs again', async (t) => {
  const { waits, creation, remove, known, attempts, create } = await full(t);
  const ahead = new AbortController();
  const first = create('three', ahead.signal);
  await new Promise((resolve) => setImmediate(resolve));
  const least: Need = { ...SMALL, spaceId: SPACE, image: 'base' };
  let need = { ...least, requests: { cpuMillis: 1, memoryBytes: known.memoryBytes } };
  const behind = waits.run({ ...creation('four'), need: () => need }, never());
  ahead.abort();
  await first;
  await remove('one');
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  const before = attempts();
  need = least as typeof need;
  const bounds = { most: { cpuMillis: 0, memoryBytes: 1, diskBytes: 0, processes: 0 }, diskBytes: 0, processes: 0 };
  waits.committed([{ kind: 'put', table: 'nodes', row: { id: NODE, bounds } } as unknown as Mutation]);
  t.match(await behind, { ok: true });
  t.equal(attempts(), before + 1, 'and what did not fit was not tried');
});

t.test('what no node could ever take is refused at once, and so is what finds the queue full', async (t) => {
  const { waits, creation, create, core, metrics } = await full(t);
  t.match(await waits.run(creation('huge', 8192 * MIB), never()), { ok: false, refusal: { message: /4096 MiB left/ } });
  const over = new AbortController();
  const waiting = Array.from({ length: MAX_WAITING.space }, (_, at) => create(`waiting-${at}`, over.signal));
  const last = await create('one too many');
  t.match(last, { ok: false, refusal: { code: 'UNAVAILABLE', message: /100 requests of this space already wait for room/ } });
  t.match(await metrics.text(), /raworc_placement_waits_total\{outcome="full"\} 1\n/);
  over.abort();
  t.ok((await Promise.all(waiting)).every(({ ok }) => !ok));
  t.match(await metrics.text(), /raworc_placement_waiting 0\n/);
  const need = {
    spaceId: SPACE,
    requests: { cpuMillis: 1, memoryBytes: 1 },
    limits: { cpuMillis: 1, memoryBytes: 1, diskBytes: 1, processes: 1 },
    image: 'x',
  };
  const away = core.fleet.nodes().map((each) => ({ ...each, ready: false, cordoned: true, sessions: 2 }));
  t.ok(couldEverTake(away, need, DEFAULT_SIZE_RULES), 'but an absent node can come back');
  t.notOk(couldEverTake([], need, DEFAULT_SIZE_RULES));
});

t.test('a node that changes wakes the queue', async (t) => {
  const { known, waits, create, placed } = await full(t);
  const waiting = create('three');
  await new Promise((resolve) => setImmediate(resolve));
  Object.assign(known, { maxSessions: 3 });
  waits.nodeChanged(NODE);
  t.match(await waiting, { ok: true });
  t.same(placed, ['one', 'two', 'three']);
});

t.test('once closed, it tries nothing more', async (t) => {
  const { waits, create, remove, attempts } = await full(t);
  const over = new AbortController();
  const waiting = create('three', over.signal);
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  waits.close();
  const before = attempts();
  await remove('one');
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  t.equal(attempts(), before);
  over.abort();
  t.match(await waiting, { ok: false });
});

t.test('a failing attempt fails its caller only', async (t) => {
  const { waits, creation, create, remove } = await full(t);
  let isFirst = true;
  const failing: RoomRequest = {
    ...creation('three'),
    attempt() {
      if (!isFirst) return Promise.reject(new Error('broken'));
      isFirst = false;
      return creation('three').attempt();
    },
  };
  const failed = t.rejects(waits.run(failing, never()), /broken/);
  await new Promise((resolve) => setImmediate(resolve));
  const waiting = create('four');
  await remove('one');
  await failed;
  t.match(await waiting, { ok: true });
});

t.test('a change costs what it concerns, however many wait', async (t) => {
  const SPACES = 50;
  const known = Array.from({ length: 20 }, (_, at) => ({ ...node(`node-${at}` as NodeId), maxSessions: 0, cordoned: true }));
  const core = await openCore({ nodes: known });
  t.teardown(() => core.close());
  let looks = 0;
  let needs = 0;
  const counted = (one: FleetNode) =>
    Object.defineProperty({ ...one }, 'cordoned', {
      get() {
        looks += 1;
        return one.cordoned;
      },
    });
  const fleet = { ...core.fleet, nodes: () => core.fleet.nodes().map(counted) };
  const waits = new PlacementWaits({ fleet, capacity: core.capacity, clock: systemClock });
  const turns = async () => {
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const over = new AbortController();
  const placed: string[] = [];
  const waiting = Array.from({ length: SPACES }, (_, at) => {
    const spaceId = `space-${at}` as SpaceId;
    const need: Need = { spaceId, ...SMALL, image: at === 0 ? 'base' : 'other' };
    const attempt = async (): Promise<Outcome<SessionObject>> => {
      if (core.fleet.nodes().every(({ cordoned }) => cordoned)) return noRoom(need, []);
      placed.push(spaceId);
      return { ok: true, value: {} as SessionObject };
    };
    const needed = () => {
      needs += 1;
      return need;
    };
    return waits.run({ spaceId, constraints: [], attempt, need: needed }, over.signal);
  });
  await turns();
  const cost = async (change: () => void) => {
    [looks, needs] = [0, 0];
    change();
    await turns();
    return { looks, needs };
  };
  const build = { spaceId: 'space-3', status: 'completed' };
  const commit = (table: string, row: object) => waits.committed([{ kind: 'put', table, row } as unknown as Mutation]);
  t.same(await cost(() => commit('builds', { ...build, status: 'building' })), { looks: 0, needs: 0 });
  t.same(await cost(() => commit('builds', build)), { looks: known.length, needs: 1 });
  t.same(await cost(() => commit('spaces', { id: 'space-3' })), { looks: known.length, needs: 1 });
  t.same(await cost(() => commit('images', { id: 'base' })), { looks: known.length, needs: 1 });
  t.same(await cost(() => commit('nodes', { id: 'node-3' })), { looks: SPACES, needs: 0 });
  t.same(await cost(() => commit('messages', {})), { looks: 0, needs: 0 });
  // Only one of those that wait finds its image.
  Object.assign(known[3] ?? {}, { cordoned: false });
  t.same(await cost(() => waits.nodeChanged('node-3' as NodeId)), { looks: SPACES, needs: 0 }, 'nobody is looked at twice');
  t.same(placed, ['space-0']);
  over.abort();
  await Promise.all(waiting);
});

t.test('a copy that waits is looked at again when its session gets other sizes', async (t) => {
  const known = node(NODE);
  const core = await openCore({ nodes: [known] });
  t.teardown(() => core.close());
  const waits = new PlacementWaits({ fleet: core.fleet, capacity: core.capacity, clock: systemClock });
  core.applier.onCommitted(({ mutations }) => waits.committed(mutations));
  const id = 'one' as SessionId;
  const requests = { cpuMillis: 1, memoryBytes: known.memoryBytes * 0.6 };
  const limits = { ...SMALL.limits, memoryBytes: known.memoryBytes };
  t.match(await core.applier.submit(newSession({ id, requests, limits })), { ok: true });
  const need = (): Need => ({ requests: core.session(id).requests, limits, spaceId: SPACE, image: 'base' });
  const copy = waits.run(
    {
      ...{ spaceId: SPACE, constraints: [], sessionId: id, need },
      attempt: () => core.applier.submit(newSession({ id: 'copy' as SessionId, requests: need().requests, limits })),
    },
    never(),
  );
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  const lowered = { ...requests, memoryBytes: known.memoryBytes * 0.3 };
  await core.applier.apply({
    name: 'lower',
    decide: ({ view }) => {
      const row = view.get('sessions', id);
      return {
        mutations: row === undefined ? [] : [put('sessions', { ...row, requests: lowered })],
        events: [],
        result: undefined,
      };
    },
  });
  t.match(await copy, { ok: true });
  t.same(core.session('copy').requests, lowered);
});
