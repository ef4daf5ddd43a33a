import t from 'tap';
import type { NodeId } from '../../../../controller/domain/engine/ids.ts';
import { type Mutation, put } from '../../../../controller/domain/engine/mutation.ts';
import { parseNodeRules } from '../../../../controller/domain/nodes/node-rules.ts';
import { DEFAULT_LIMITS, DEFAULT_REQUESTS, DEFAULT_SIZE_RULES } from '../../../../controller/domain/sessions/session-sizes.ts';
import { Applier } from '../../../../controller/services/engine/applier.ts';
import { Capacity, placedSessions } from '../../../../controller/services/engine/capacity.ts';
import { type LiveNode, NodeDirectory } from '../../../../controller/services/engine/node-directory.ts';
import { systemClock } from '../../../../seams/system.ts';
import { type Core, NODE, newSession, OTHER_NODE, openCore, SPACE, silent } from '../core.ts';
import { joins } from '../fleet/world.ts';

const live = (facts: Partial<LiveNode['facts']> = {}, lease = { runs: true }): LiveNode => ({
  lease,
  facts: { images: new Set(['base']), conditions: [], ...facts },
});
const SIZES = { ...DEFAULT_SIZE_RULES, memoryOvercommit: 0, diskOvercommit: 0 };

/** A core that places on what its directory knows, as the product's does. `reads` are those of the directory. */
async function world(rules = '{}') {
  const core = await openCore();
  core.applier.close();
  const reads: string[] = [];
  const opened = () => {
    const { view, writer } = core.store;
    const watched = new Proxy(view, {
      get(target, name) {
        reads.push(String(name));
        return Reflect.get(target, name);
      },
    });
    const capacity = new Capacity(placedSessions(view));
    const directory = new NodeDirectory({ view: watched, capacity, rules: parseNodeRules(rules), sizes: SIZES });
    const applier = new Applier({
      store: writer,
      fleet: directory,
      capacity,
      clock: systemClock,
      log: silent,
      onFatal: (error) => t.fail(String(error)),
    });
    applier.onCommitted(({ mutations }) => directory.committed(mutations));
    return { core: { ...core, applier } satisfies Core, directory, applier };
  };
  return { ...opened(), reads, reopen: opened, close: () => core.close() };
}

const apply = (applier: Applier, ...mutations: Mutation[]) =>
  applier.apply({ name: 'test', decide: () => ({ mutations, events: [], result: undefined }) });

/** A node that has joined, with room for as many usual sessions. */
async function joinsWithRoom({ core, applier }: { core: Core; applier: Applier }, id: NodeId, sessions: number) {
  await joins(core, id);
  const row = core.store.view.get('nodes', id);
  if (row === undefined) throw new Error('it has not joined');
  const memoryBytes = sessions * DEFAULT_REQUESTS.memoryBytes;
  await apply(applier, put('nodes', { ...row, cpuMillis: 8000, memoryBytes, bounds: null }));
}

t.test('two sessions of one batch do not get the same room, and a placement reads nothing of nodes from the store', async (t) => {
  const { core, applier, directory, reads, close } = await world();
  t.teardown(close);
  await joinsWithRoom({ core, applier }, NODE, 1);
  directory.connected(NODE, live());
  reads.length = 0;
  const [first, second] = await Promise.all([applier.submit(newSession()), applier.submit(newSession())]);
  t.same([first.ok, second.ok], [true, false]);
  t.match(second, { refusal: { code: 'UNAVAILABLE', message: /node-a has 0 MiB of 128 MiB left/ } });
  t.same(reads, []);
  t.equal(directory.node(NODE)?.sessions, 1);
});

t.test('a node is as its row and its stream say, from the commit on, until the stream is gone', async (t) => {
  const { core, applier, directory, close } = await world();
  t.teardown(close);
  t.same(directory.nodes(), []);
  await joinsWithRoom({ core, applier }, OTHER_NODE, 1);
  await joinsWithRoom({ core, applier }, NODE, 2);
  t.same(
    directory.nodes().map(({ id, ready }) => [id, ready]),
    [
      [OTHER_NODE, false],
      [NODE, false],
    ],
    'in the order in which they joined',
  );
  const lease = { runs: true };
  const images = new Set<string>();
  const conditions: { unschedulable: boolean; message: string }[] = [];
  directory.connected(NODE, live({ images, conditions }, lease));
  t.match(directory.node(NODE), { ready: true, unschedulable: undefined, memoryBytes: 2 * DEFAULT_REQUESTS.memoryBytes });
  images.add('later');
  conditions.push({ unschedulable: false, message: 'to be known' }, { unschedulable: true, message: 'The disk is low.' });
  t.ok(directory.node(NODE)?.images.has('later'));
  t.equal(directory.node(NODE)?.unschedulable, 'The disk is low.');
  lease.runs = false;
  t.equal(directory.node(NODE)?.ready, false, 'its lease ran out');
  directory.disconnected(NODE);
  t.match(directory.node(NODE), { ready: false, away: false, images: new Set(), unschedulable: undefined });
  const row = core.store.view.get('nodes', NODE);
  if (row === undefined) return t.fail('it is not known');
  await apply(applier, put('nodes', { ...row, lastSeenAt: 1, unreachableSince: 1 }));
  t.equal(directory.node(NODE)?.away, true, 'it has been connected, and can come back');
  directory.connected(NODE, live());
  t.equal(directory.node(NODE)?.away, false);
  directory.disconnected(NODE);
  await apply(applier, put('nodes', { ...row, lastSeenAt: 1, unreachableSince: 1, lostAt: 2 }));
  t.equal(directory.node(NODE)?.away, false, 'lost');
  await apply(applier, { kind: 'remove', table: 'nodes', id: NODE });
  t.equal(directory.node(NODE), undefined);
  t.same(
    directory.rows().map(({ id }) => id),
    [OTHER_NODE],
  );
});

t.test('after a restart it is what it was, with what is placed', async (t) => {
  const { core, applier, directory, reopen, close } = await world('{"node-a": {"spaces": ["default"], "cpu": 2}}');
  t.teardown(close);
  for (const id of [NODE, OTHER_NODE]) {
    await joinsWithRoom({ core, applier }, id, 4);
    directory.connected(id, live());
  }
  for (let i = 0; i < 5; i += 1) t.ok((await applier.submit(newSession({ limits: DEFAULT_LIMITS }))).ok);
  const before = directory.nodes();
  t.equal(
    before.reduce((sum, { sessions }) => sum + sessions, 0),
    5,
  );
  const { directory: after } = reopen();
  for (const id of [NODE, OTHER_NODE]) after.connected(id, live());
  t.same(after.nodes(), before);
  t.same(after.spaceUse(SPACE), directory.spaceUse(SPACE));
  t.match(after.node(NODE), { cpuMillis: 2000, spaces: new Set([SPACE]) });
});
