/** Slots: sessions started ahead of need, which new sessions take and for which everything else comes first. */
import t from 'tap';
import type { NodeId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { createSession } from '../../../../controller/domain/sessions/commands/create-session.ts';
import { type Report, recordReport } from '../../../../controller/domain/sessions/commands/record-report.ts';
import { removeSession } from '../../../../controller/domain/sessions/commands/remove-session.ts';
import { sizesOf } from '../../../../controller/domain/sessions/session-sizes.ts';
import { endSlots } from '../../../../controller/domain/slots/commands/end-slots.ts';
import { recordSlotReport } from '../../../../controller/domain/slots/commands/record-slot-report.ts';
import { startSlot } from '../../../../controller/domain/slots/commands/start-slot.ts';
import { isOver, makeRoom, type RoomView, withSlots } from '../../../../controller/domain/slots/make-room.ts';
import { sessionOf } from '../../../../controller/domain/slots/slot.ts';
import { slotsIn } from '../../../../controller/domain/slots/slot-settings.ts';
import { changeSpace } from '../../../../controller/domain/spaces/commands/spaces.ts';
import { assignment } from '../../../../controller/services/fleet/encode.ts';
import { ACCOUNT, type Core, NODE, node, OTHER_NODE, openCore, SPACE, seeded, withAgents } from '../core.ts';

const MIB = 1024 * 1024;
const by = { accountId: ACCOUNT, user: 'admin' };
let made = 0;

function nextId(): SessionId {
  made += 1;
  return `00000000-0000-4000-8000-${String(made).padStart(12, '0')}` as SessionId;
}

async function start(core: Core): Promise<SessionId | undefined> {
  const sizes = sizesOf(core.fleet.sizes, {});
  if (!sizes.ok) throw new Error('no sizes');
  const id = nextId();
  const kind = { image: 'base', profile: 'locked', imageName: null, build: undefined, ...sizes.value } as const;
  return (await core.applier.apply(startSlot({ id, spaceId: SPACE, kind, isFree: () => true }))) ? id : undefined;
}

const report = (id: SessionId, from: NodeId, more: Partial<Report> = {}): Report => ({
  ...{ from, sessionId: id, generation: 1, phase: 'running', order: { incarnation: 1, boot: 1, number: 1 } },
  ...{ containerId: `container of ${id}`, volume: 'v', reason: '', acceptedSeq: 0 },
  ...more,
});

async function ready(core: Core): Promise<SessionId> {
  const id = await start(core);
  const slot = id && core.store.view.get('slots', id);
  if (!slot || (await core.applier.apply(recordSlotReport(report(id, slot.nodeId)))) !== 'yes') throw new Error('no slot started');
  return id;
}

const create = (core: Core, more: object = {}) =>
  core.applier.apply(
    createSession({
      id: nextId(),
      spaceId: SPACE,
      name: null,
      metadata: {},
      timeouts: {},
      baseImage: 'base',
      by,
      request: undefined,
      ...more,
    }),
  );

t.test('a session takes the id, the node and the container of a slot, and is idle once its node says so', async (t) => {
  const core = await openCore();
  t.teardown(() => core.close());
  const id = await ready(core);
  t.equal(core.store.view.get('sessions', id), undefined, 'a slot is no session');
  t.match(await create(core, { name: 'mine', timeouts: { ttl_s: 60 } }), { ok: true, value: { id, name: 'mine', state: 'init' } });
  t.equal(core.store.view.get('slots', id), undefined);
  t.match(core.session(id), { generation: 2, createdById: ACCOUNT, containerId: `container of ${id}`, hasRun: false });
  t.equal(
    await core.applier.apply(recordReport(report(id, core.session(id).nodeId ?? NODE, { order: { incarnation: 1, boot: 1, number: 2 } }))),
    'old',
  );
  t.equal(
    await core.applier.apply(
      recordReport(report(id, core.session(id).nodeId ?? NODE, { generation: 2, order: { incarnation: 1, boot: 1, number: 3 } })),
    ),
    'yes',
  );
  t.match(core.session(id), { phase: 'running', observedGeneration: 2, hasRun: true });
});

t.test('two sessions never take the same slot, and without one a session starts cold', async (t) => {
  const core = await openCore();
  t.teardown(() => core.close());
  const slots = [await ready(core), await ready(core)];
  const created = await Promise.all([create(core), create(core), create(core)]);
  const ids = created.map((one) => (one.ok ? one.value.id : 'refused'));
  t.equal(new Set(ids).size, 3);
  t.strictSame(ids.filter((id) => slots.includes(id as SessionId)).toSorted(), slots.toSorted());
});

t.test('a slot is no way past requests that wait for room', async (t) => {
  const core = await openCore();
  t.teardown(() => core.close());
  const id = await ready(core);
  const own = core.store.view.get('slots', id)?.nodeId;
  t.match(await create(core, { yields: () => true }), { ok: false, refusal: { code: 'UNAVAILABLE' } });
  const elsewhere = await create(core, { yields: (one: { id: NodeId }) => one.id === own });
  t.ok(elsewhere.ok && elsewhere.value.id !== id, 'it starts cold where nobody waits');
  t.match(await create(core, { yields: () => false }), { ok: true, value: { id } });
});

t.test('other sizes, constraints, another image, and a slot that still starts, are cold starts', async (t) => {
  const core = await openCore();
  t.teardown(() => core.close());
  const id = await ready(core);
  await start(core);
  for (const more of [
    { resources: { limits: { memory_bytes: 600 * MIB } } },
    { constraints: [{ label: 'disk', operator: 'not_exists' }] },
    { preferences: [{ label: 'disk', operator: 'exists', weight: 1 }] },
    { baseImage: 'another' },
  ]) {
    const created = await create(core, more);
    t.not(created.ok && created.value.id, id, JSON.stringify(more));
  }
  t.match(await create(core), { ok: true, value: { id } });
  t.match(await create(core), { ok: true });
  t.equal(core.store.view.slotsIn(SPACE).length, 1, 'the slot that starts is left');
});

t.test('a slot gives way to a session that needs its room, in the same commit', async (t) => {
  const core = await openCore({ nodes: [node(NODE, { memoryBytes: 512 * MIB, maxSessions: 4 })] });
  t.teardown(() => core.close());
  await ready(core);
  const newer = await ready(core);
  const resources = { requests: { memory_bytes: 256 * MIB }, limits: { memory_bytes: 512 * MIB } };
  t.match(await create(core, { resources }), { ok: true });
  t.equal(core.store.view.slotsIn(SPACE).length, 2, 'there is room for all');
  t.match(await create(core, { resources: { requests: { memory_bytes: 129 * MIB }, limits: { memory_bytes: 512 * MIB } } }), { ok: true });
  t.same(core.store.view.slotsIn(SPACE).length, 0, 'both had to go');
  t.match(core.store.view.get('tombstones', newer), { nodeId: NODE, upToGeneration: 1 });
  t.equal(await start(core), undefined, 'and none starts where no room is');
});

t.test('a session that needs the room of very many slots ends as many, whatever their number', async (t) => {
  const [count, more] = [300, 290];
  const core = await openCore({ nodes: [node(NODE, { memoryBytes: count * 128 * MIB, cpuMillis: 64_000 })] });
  t.teardown(() => core.close());
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { headroom: 0 } } }, true));
  for (let one = 0; one < count; one += 1) t.ok(await start(core));
  const resources = { requests: { memory_bytes: more * 128 * MIB }, limits: { memory_bytes: more * 128 * MIB } };
  t.match(await create(core, { resources }), { ok: true });
  t.equal(core.store.view.slotsIn(SPACE).length, count - more);
});

t.test('a change of a session reads no slots while its space and node have enough', async (t) => {
  const core = await openCore();
  t.teardown(() => core.close());
  await core.applier.apply(changeSpace(SPACE, { settings: { quotas: { memory_bytes: 4 * 128 * MIB } } }, true));
  await ready(core);
  const created = await create(core, { baseImage: 'another' }).then(() => create(core));
  if (!created.ok) throw new Error(created.refusal.message);
  await ready(core);
  const reads: string[] = [];
  const { view } = core.store;
  const watched: RoomView = {
    get: (table, id) => view.get(table, id),
    slotsIn(id) {
      reads.push(id);
      return view.slotsIn(id);
    },
    slotsOnAfter(id, after, limit) {
      reads.push(id);
      return view.slotsOnAfter(id, after, limit);
    },
  };
  t.strictSame(makeRoom([put('sessions', core.session(created.value.id))], watched, core.fleet, 1), []);
  t.strictSame(reads, []);
});

t.test('a slot starts the processes of its agents only if all of them are active', async (t) => {
  const core = await openCore();
  t.teardown(() => core.close());
  await withAgents(core, ['one', 'two']);
  const build = core.store.view.newestBuild(SPACE, 'completed');
  const slot = core.store.view.get('slots', await ready(core));
  if (build === undefined || slot === undefined) throw new Error('no slot');
  const row = sessionOf({ ...slot, buildId: build.id, agents: build.agents });
  t.match(assignment(core.store.view, row), { slot: true, startWorkers: true });
  const agent = core.store.view.get('agents', 'agent-two');
  if (agent === undefined) throw new Error('no agent');
  const stopped = put('agents', { ...agent, wanted: 'stopped' });
  await core.applier.apply({ name: 'test-stop', decide: () => ({ mutations: [stopped], events: [], result: undefined }) });
  t.match(assignment(core.store.view, row), { slot: true, startWorkers: false });
});

t.test('the most slots of an operator are no more than those of a space', async (t) => {
  t.match(slotsIn({}, 10_000), { min: 0, max: 256 });
});

t.test('slots count in the CPU and memory of their space, leave a headroom, and end when its quota shrinks', async (t) => {
  const core = await openCore();
  t.teardown(() => core.close());
  const quota = (memory: number) =>
    core.applier.apply(changeSpace(SPACE, { settings: { quotas: { sessions: 1, memory_bytes: memory * 128 * MIB } } }, true));
  await quota(2);
  await ready(core);
  await ready(core);
  t.equal(await start(core), undefined, 'the quota is used up');
  t.match(await create(core), { ok: true }, 'a claim needs no more');
  t.equal(core.store.view.slotsIn(SPACE).length, 1, 'and takes one');
  await quota(1);
  t.equal(core.store.view.slotsIn(SPACE).length, 0);

  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { headroom: 0.99 } } }, true));
  t.equal(await start(core), undefined, 'the headroom is left free');
});

t.test('a slot that fails or stops ends with a tombstone, and a report of another node or life changes nothing', async (t) => {
  const core = await openCore();
  t.teardown(() => core.close());
  const id = await ready(core);
  const own = core.store.view.get('slots', id)?.nodeId ?? NODE;
  const apply = (one: Report) => core.applier.apply(recordSlotReport(one));
  t.equal(await apply(report(id, own === NODE ? OTHER_NODE : NODE)), 'gone');
  t.equal(await apply(report(id, own, { phase: 'failed' })), 'old', 'it is older');
  const later = { order: { incarnation: 1, boot: 1, number: 9 } };
  t.equal(await apply(report(id, own, { ...later, generation: 2, phase: 'failed' })), 'old');
  t.equal(await apply(report(id, own, { ...later, phase: 'failed' })), 'failed');
  t.equal(core.store.view.get('slots', id), undefined);
  t.match(core.store.view.get('tombstones', id), { upToGeneration: 1 });
  t.equal(await core.applier.apply(endSlots([id])), 0);
});

t.test('whatever happens, no node has more than it may, and sums agree with the rows', async (t) => {
  const nodes = [NODE, OTHER_NODE].map((id) => node(id, { memoryBytes: 640 * MIB, cpuMillis: 300, maxSessions: 5 }));
  const fraction = seeded(7);
  const random = (below: number) => Math.floor(fraction() * below);
  const core = await openCore({ nodes });
  t.teardown(() => core.close());
  let claims = 0;
  for (let step = 0; step < 600; step += 1) {
    const slots = core.store.view.slotsIn(SPACE);
    const some = slots[random(Math.max(1, slots.length))];
    const what = random(5);
    if (what === 0) await start(core);
    else if (what === 1 && some !== undefined)
      await core.applier.apply(recordSlotReport(report(some.id, some.nodeId, { order: { incarnation: 1, boot: 1, number: step } })));
    else if (what === 2) {
      const created = await create(core, random(3) === 0 ? { resources: { requests: { memory_bytes: (1 + random(3)) * 100 * MIB } } } : {});
      if (created.ok && slots.some(({ id }) => id === created.value.id)) claims += 1;
    } else if (what === 3 && some !== undefined && random(3) === 0) await core.applier.apply(endSlots([some.id]));
    else if (what === 4 && random(2) === 0) {
      const [session] = core.store.view.sessionsOnAfter(random(2) === 0 ? NODE : OTHER_NODE, '', 1);
      if (session !== undefined) await core.applier.apply(removeSession(session.id, 'test'));
    }
    const rows = core.store.view.slotsIn(SPACE);
    for (const one of core.fleet.nodes()) {
      if (isOver(withSlots(one), core.fleet)) t.fail(`${one.name} has too much after step ${step}`);
      const there = rows.filter(({ nodeId }) => nodeId === one.id);
      if (one.slots?.count !== there.length) t.fail(`${one.name} counts ${one.slots?.count} slots, there are ${there.length}`);
      const memory = there.reduce((sum, { requests }) => sum + requests.memoryBytes, 0);
      if (one.slots?.memoryBytes !== memory) t.fail(`${one.name} counts ${one.slots?.memoryBytes} bytes of slots, there are ${memory}`);
    }
  }
  t.ok(claims > 5, `${claims} sessions took slots`);
});
