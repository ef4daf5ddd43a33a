/** The loop that keeps slots: how many, when, where, and what ends them. */
import t from 'tap';
import { WORKSTATION_IMAGE } from '../../../../controller/contract/profiles.ts';
import type { NodeId, SessionId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { updateNode } from '../../../../controller/domain/nodes/commands/manage-node.ts';
import { changeSpace, createSpace } from '../../../../controller/domain/spaces/commands/spaces.ts';
import { workstationImage } from '../../../../controller/services/images/workstation-image.ts';
import { REMEMBERED_MS } from '../../../../controller/services/slots/demand.ts';
import { NODE, OTHER_NODE, SPACE } from '../core.ts';
import { hello } from '../fleet/world.ts';
import { held, world } from './loop-world.ts';

t.test('a space in use has a slot, one that is not has none, and demand that ends takes it away', async (t) => {
  const { slots, say, create, isUp, later } = await world(t);
  await later(60_000);
  t.equal(slots().length, 0);
  const session = await create();
  await later();
  t.equal(slots().length, 0, 'the session starts first');
  await isUp(session);
  t.equal(slots().length, 1);
  await say(slots()[0], 'RUNNING');
  await later(120_000);
  t.match(slots(), [{ phase: 'running' }]);
  await later(REMEMBERED_MS + 60_000);
  t.equal(slots().length, 0);
});

t.test('a node starts one slot after another, with rests, and a claimed one is replaced', async (t) => {
  const { core, slots, say, create, isUp, later } = await world(t);
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { min: 3, max: 3 } } }, true));
  await later();
  t.equal(slots().length, 1);
  await later(4_000);
  t.equal(slots().length, 1, 'the first one still starts');
  await say(slots()[0], 'RUNNING');
  t.equal(slots().length, 1, 'its node rests');
  await later(5_000);
  t.equal(slots().length, 2);
  const [first] = slots();
  const claimed = await create();
  t.equal(claimed.id, first?.id);
  t.equal(slots().length, 1);
  await say(slots()[0], 'RUNNING');
  await isUp(claimed);
  for (let one = 0; one < 2; one += 1) {
    await later(10_000);
    await say(
      slots().find(({ phase }) => phase === 'none'),
      'RUNNING',
    );
  }
  t.equal(slots().filter(({ phase }) => phase === 'running').length, 3);
  await later(60_000);
  t.equal(slots().length, 3);
});

t.test('a space whose slots fail tries again later and later, and one that never gets ready is given up', async (t) => {
  const { core, slots, say, later } = await world(t);
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { min: 1 } } }, true));
  await later();
  await say(slots()[0], 'FAILED');
  t.equal(slots().length, 0);
  await later(4_000);
  t.equal(slots().length, 0);
  await later(2_000);
  t.equal(slots().length, 1);
  await say(slots()[0], 'FAILED');
  await later(9_000);
  t.equal(slots().length, 0, 'it waits twice as long');
  await later(2_000);
  const stuck = slots()[0]?.id;
  t.ok(stuck);
  await later(121_000);
  t.not(slots()[0]?.id, stuck);
  t.equal(slots().length, 1);
});

t.test('a node where slots fail keeps no space from having them on another one', async (t) => {
  const { core, slots, say, later } = await world(t, [NODE, OTHER_NODE]);
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { min: 1 } } }, true));
  await later();
  const bad = slots()[0]?.nodeId;
  await say(slots()[0], 'FAILED');
  await later(6_000);
  t.equal(slots().length, 1);
  t.not(slots()[0]?.nodeId, bad);
  await say(slots()[0], 'RUNNING');
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { min: 2 } } }, true));
  await later(20_000);
  t.equal(slots().length, 2);
  t.notOk(
    slots().some(({ nodeId }) => nodeId === bad),
    'not even while it is the emptier one',
  );
});

t.test('a node where a slot never gets ready is avoided, too', async (t) => {
  const { core, slots, later } = await world(t, [NODE, OTHER_NODE]);
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { min: 1 } } }, true));
  await later();
  const stuck = slots()[0];
  await later(121_000);
  t.equal(slots().length, 1);
  t.not(slots()[0]?.nodeId, stuck?.nodeId);
});

t.test('slots leave a node that is cordoned, and those of other sizes go when the settings change', async (t) => {
  const { core, slots, say, later } = await world(t, [NODE, OTHER_NODE]);
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { min: 2 } } }, true));
  await later();
  t.strictSame(
    slots()
      .map(({ nodeId }) => nodeId)
      .toSorted(),
    [NODE, OTHER_NODE],
    'two nodes start one each',
  );
  for (const slot of slots()) await say(slot, 'RUNNING');
  await core.applier.submit(updateNode(NODE, { schedulable: false }, 'admin'));
  await later();
  t.strictSame([...new Set(slots().map(({ nodeId }) => nodeId))], [OTHER_NODE]);
  const before = slots().map(({ id }) => id);
  const resources = { limits: { memory_bytes: 600 * 2 ** 20 } };
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { min: 1 }, resources } }, true));
  await later(5_000);
  t.notOk(slots().some(({ id }) => before.includes(id)));
});

t.test('slots leave a node that comes back with less than its sessions and slots take up', async (t) => {
  const { core, slots, say, create, isUp, later, connects } = await world(t);
  await isUp(await create());
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { min: 1 } } }, true));
  await later();
  await say(slots()[0], 'RUNNING');
  await later(60_000);
  t.match(slots(), [{ phase: 'running' }]);
  const memoryBytes = slots()[0]?.requests.memoryBytes ?? 0;
  await connects(
    NODE,
    hello({ capacity: { cpuMillis: 4000, memoryBytes, sessions: 0, processes: 0, diskBytes: 0, most: null } }),
    held(slots()),
  );
  await later(10_000);
  t.strictSame(slots(), []);
});

t.test('a slot that was ready and does not get ready again is given up, so that its node can start others', async (t) => {
  const { core, slots, say, later } = await world(t);
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { min: 1 } } }, true));
  await later();
  const [slot] = slots();
  await say(slot, 'RUNNING');
  await later(300_000);
  t.match(slots(), [{ id: slot?.id, phase: 'running' }], 'one that is ready stays');
  await say(slot, 'STARTING');
  await later(60_000);
  t.match(slots(), [{ id: slot?.id, phase: 'starting' }], 'it can come back');
  await later(121_000);
  t.equal(slots().length, 1);
  t.not(slots()[0]?.id, slot?.id);
});

t.test('a node agent of the release before gets no slots, and loses those that it has', async (t) => {
  const { core, slots, say, later, connects } = await world(t);
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { min: 1 } } }, true));
  await later();
  await say(slots()[0], 'RUNNING');
  await later(20_000);
  t.match(slots(), [{ phase: 'running' }]);
  await connects(NODE, hello({ takesSlots: false }), held(slots()));
  await later(120_000);
  t.strictSame(slots(), []);
});

t.test('a slot that its node does not have any more ends before a session can take it', async (t) => {
  const { core, slots, say, create, later, connects } = await world(t, [NODE, OTHER_NODE]);
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { min: 2 } } }, true));
  await later();
  for (const slot of slots()) await say(slot, 'RUNNING');
  const [gone, kept] = [slots().find(({ nodeId }) => nodeId === NODE), slots().find(({ nodeId }) => nodeId === OTHER_NODE)];
  await connects(OTHER_NODE, hello(), held(slots().filter(({ nodeId }) => nodeId === OTHER_NODE)));
  t.match(core.store.view.get('slots', kept?.id ?? ('' as SessionId)), { phase: 'running' });
  await connects(NODE, hello());
  t.equal(core.store.view.get('slots', gone?.id ?? ('' as SessionId)), undefined);
  t.match(core.store.view.get('tombstones', gone?.id ?? ('' as SessionId)), { nodeId: NODE, upToGeneration: 1 });
  t.not((await create()).id, gone?.id);
});

t.test('a controller that starts keeps the slots that settings ask for, though there are none', async (t) => {
  const { slots, later } = await world(t, [NODE], { min: 1 });
  await later(15_000);
  t.equal(slots().length, 1);
});

t.test('slots that no session of their space could take end', async (t) => {
  const { core, slots, say, create, isUp, later } = await world(t);
  const set = async (settings: Readonly<Record<string, unknown>>) => {
    await core.applier.apply(changeSpace(SPACE, { settings }, true));
    await later(20_000);
  };
  const one = { slots: { min: 1, max: 1 } };
  await set(one);
  await say(slots()[0], 'RUNNING');
  await set({ ...one, scheduling: { constraints: [{ label: 'zone', operator: 'exists' }] } });
  t.equal(slots().length, 0, 'its node has no such label');
  await set({ ...one, scheduling: { anti_affinity: 'required' } });
  await say(slots()[0], 'RUNNING');
  t.match(slots(), [{ phase: 'running' }]);
  await isUp(await create());
  await later(20_000);
  t.equal(slots().length, 0, 'its node has a session of the space');
});

t.test('a space has no slots of a profile or an image that it may not have', async (t) => {
  const { core, slots, say, later, connects } = await world(t, []);
  const { image } = workstationImage(WORKSTATION_IMAGE, 'base');
  await connects(NODE, hello({ profiles: ['locked', 'workstation'] }), [], [image]);
  const of = async (images: readonly string[]) => {
    const settings = { slots: { min: 1, profile: 'workstation' }, profiles: ['locked', 'workstation'], images } as const;
    await core.applier.apply(changeSpace(SPACE, { settings }, true));
    await later(20_000);
  };
  await of([WORKSTATION_IMAGE]);
  t.match(slots(), [{ image }]);
  await say(slots()[0], 'RUNNING');
  await of(['another']);
  t.strictSame(slots(), []);
});

t.test('of many spaces that wait for a node, a few try at a time', async (t) => {
  const { core, directory, say, later } = await world(t, [NODE, OTHER_NODE]);
  const settings = { slots: { min: 1 } };
  await core.applier.apply(changeSpace(SPACE, { settings }, true));
  await later();
  for (let one = 0; one < 200; one += 1) {
    const id = `${String(one).padStart(8, '0')}-0000-4000-8000-000000000001` as SpaceId;
    await core.applier.apply(createSpace({ id, name: `space-${one}`, description: null, settings, createdBy: 'admin' }));
  }
  await later(1_000);
  let asked = 0;
  const { nodes } = directory;
  const counted = () => {
    asked += 1;
    return nodes.call(directory);
  };
  Object.assign(directory, { nodes: counted });
  const starting = (id: NodeId) => core.store.view.slotsOnAfter(id, '', 100).find(({ phase }) => phase === 'none');
  // One of the two always rests.
  const rounds = async (count: number) => {
    for (let round = 0; round < count; round += 1) {
      for (const id of [NODE, OTHER_NODE]) {
        if (starting(id) !== undefined) await say(starting(id), 'RUNNING');
        await later(1_000);
      }
    }
  };
  await rounds(10);
  asked = 0;
  await rounds(2);
  t.ok(asked > 0 && asked < 500, `nodes were read ${asked} times`);
});

t.test('a slot whose image its node lacks ends, and none starts there without it, nor while the store may not grow', async (t) => {
  const { core, slots, fakes, later, grows } = await world(t);
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { min: 1 } } }, true));
  await later();
  const [slot] = slots();
  fakes.get(NODE)?.say({ kind: 'imageMissing', value: { sessionId: slot?.id ?? '', image: 'base' } });
  await later(15_000);
  t.equal(slots().length, 0);
  grows.refusal = 'the disk is low';
  fakes.get(NODE)?.say({ kind: 'images', value: { images: ['base'] } });
  await later(120_000);
  t.equal(slots().length, 0);
  grows.refusal = undefined;
  await later(120_000);
  t.equal(slots().length, 1);
});
