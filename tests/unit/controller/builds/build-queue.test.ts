/** Builds of many spaces on few nodes: they are spread, spaces take turns, and nobody keeps the others waiting. */
import t from 'tap';
import { BUILD_BOUNDS } from '../../../../controller/services/builds/dispatch-loop.ts';
import { NODE, OTHER_NODE } from '../core.ts';

import { rig, spaceId } from './rig.ts';

t.test('builds go to both nodes, two at once on each, one of a space; as they end, the next spaces have their turn', async (t) => {
  const { build, queue, settle, live, told, end } = await rig(t);
  const nodes = [await live(NODE), await live(OTHER_NODE)] as const;
  // One space asks for much, and asks first.
  const greedy = [build(spaceId(0)), build(spaceId(0)), build(spaceId(0))];
  const others = [1, 2, 3, 4, 5].map((at) => build(spaceId(at)));
  await queue(...greedy, ...others);
  await settle();
  const all = () => nodes.flatMap(told);
  t.same(
    nodes.map((node) => told(node).length),
    [2, 2],
    'spread, and no more at once',
  );
  t.same(all().toSorted(), [greedy[0], others[0], others[1], others[2]].map((row) => row?.id).toSorted());
  const first = nodes.find((node) => told(node).includes(greedy[0]?.id ?? ''));
  end(first ?? nodes[0], greedy[0]?.id ?? '');
  await settle();
  t.equal(all().length, 5);
  t.ok(all().includes(greedy[1]?.id ?? ''), 'the oldest that waits is next, once its space has none under way');
  t.notOk(all().includes(greedy[2]?.id ?? ''));
  for (const node of nodes) for (const id of told(node)) end(node, id);
  await settle();
  t.ok(others.every((row) => all().includes(row.id)));
});

t.test('a build that never ends holds up its own space alone, and not for ever', async (t) => {
  const { build, queue, settle, live, told, end, clock, statusOf } = await rig(t);
  const node = await live(NODE);
  const [slow, next] = [build(spaceId(0)), build(spaceId(0))];
  await queue(slow, next);
  await settle();
  const others = Array.from({ length: 20 }, (_, at) => build(spaceId(at + 1)));
  await queue(...others);
  for (const row of others) {
    await settle();
    t.ok(told(node).includes(row.id), row.id);
    end(node, row.id);
  }
  await settle();
  t.notOk(told(node).includes(next.id));
  for (let gone = 0; gone <= BUILD_BOUNDS.limitMs + 10_000; gone += 3_000) {
    node.say({ kind: 'heartbeat', value: { number: 1 } });
    await clock.advance(3_000);
  }
  await settle();
  t.equal(statusOf(slow.id), 'failed');
  t.match(told(node), [...told(node).slice(0, -1), next.id], 'the next of that space is made');
});

t.test('thousands of waiting builds cost each dispatch a page, by an index', async (t) => {
  const { build, queue, settle, live, told, end, reads } = await rig(t);
  for (let from = 0; from < 4000; from += 500) await queue(...Array.from({ length: 500 }, (_, at) => build(spaceId(from + at))));
  const node = await live(NODE);
  await settle();
  reads.rows = 0;
  reads.most = 0;
  for (let i = 0; i < 10; i += 1) {
    end(node, told(node).at(-1) ?? '');
    await settle();
  }
  t.equal(told(node).length, 12);
  t.ok(reads.most <= 256, `at most ${reads.most} rows at once of 4,000`);
});

t.test('a build that no node may make says so, and those that wait for a busy node are not given up', async (t) => {
  const { build, queue, settle, live, told, clock, statusOf } = await rig(t, { ...BUILD_BOUNDS, perNode: 1 });
  const node = await live(NODE);
  const rows = [build(spaceId(0)), build(spaceId(1)), build(spaceId(2), { baseImage: 'another' })];
  await queue(...rows);
  for (let gone = 0; gone < 30_000; gone += 3_000) {
    node.say({ kind: 'heartbeat', value: { number: 1 } });
    await clock.advance(3_000);
  }
  await settle();
  t.same(told(node), [rows[0]?.id]);
  t.same(
    rows.map(({ id }) => statusOf(id)),
    ['building', 'pending', 'failed'],
  );
});

t.test('the error of a build tells its space nothing about nodes that accept no builds', async (t) => {
  const { build, queue, settle, live, clock, core } = await rig(t);
  const node = await live(NODE);
  const message = 'Its disk /srv/raworc is full.';
  node.say({ kind: 'conditions', value: { conditions: [{ type: 'DiskLow', message, unschedulable: true, sinceMs: 0 }] } });
  await settle();
  const row = build(spaceId(0));
  await queue(row);
  for (let gone = 0; gone < 30_000; gone += 3_000) {
    node.say({ kind: 'heartbeat', value: { number: 1 } });
    await clock.advance(3_000);
  }
  await settle();
  const failed = core.store.view.get('builds', row.id);
  t.equal(failed?.status, 'failed');
  t.equal(failed?.error, 'No node with the base image base accepts builds now. Deploy again later, or ask an operator why.');
});

t.test('a build whose node has lost the base image goes to another node that has it', async (t) => {
  const { build, queue, settle, live, told, statusOf, core } = await rig(t);
  const nodes = [await live(NODE), await live(OTHER_NODE)] as const;
  const row = build(spaceId(0));
  await queue(row);
  await settle();
  const [first, second] = told(nodes[0]).length > 0 ? nodes : [nodes[1], nodes[0]];
  const report = {
    buildId: row.id,
    imageId: '',
    error: 'The base image base is not on this node.',
    baseImageMissing: true,
    refusedNow: false,
    ownBaseAgent: '',
    ownBaseImage: '',
    stages: [],
  };
  first.say({ kind: 'build', value: { ...report, phase: 'BUILD_FAILED' } });
  await settle();
  t.same(told(second), [row.id]);
  t.same(told(first), [row.id], 'and not back');
  t.equal(statusOf(row.id), 'building');
  second.say({ kind: 'build', value: { ...report, phase: 'BUILD_FAILED', baseImageMissing: false, error: 'no' } });
  await settle();
  t.equal(core.store.view.get('builds', row.id)?.error, 'no', 'any other reason is final');
  second.say({ kind: 'build', value: { ...report, phase: 'BUILD_FAILED' } });
  const next = build(spaceId(1));
  await queue(next);
  await settle();
  t.same(told(second), [row.id, next.id], 'a late report of an ended build says nothing about the node now');
});

t.test('a build waits while its base image can come through the registry, up to its limit', async (t) => {
  let isComing = true;
  const images = {
    missing: () => false,
    built: () => undefined,
    changed: () => undefined,
    baseMissing: () => false,
    notRebuilt: () => undefined,
    isObtainable: () => isComing,
  };
  const { build, queue, settle, live, told, clock, statusOf } = await rig(t, BUILD_BOUNDS, images);
  const node = await live(NODE);
  const rows = [
    build(spaceId(0), { baseImage: 'another', createdAt: clock.now() }),
    build(spaceId(1), { baseImage: 'third', createdAt: clock.now() }),
  ] as const;
  await queue(...rows);
  const pass = async (ms: number) => {
    for (let gone = 0; gone < ms; gone += 3_000) {
      node.say({ kind: 'heartbeat', value: { number: 1 } });
      await clock.advance(3_000);
    }
    await settle();
  };
  await pass(60_000);
  t.same(
    rows.map(({ id }) => statusOf(id)),
    ['pending', 'pending'],
  );
  node.say({ kind: 'images', value: { images: ['base', 'another'] } });
  await settle();
  t.same(told(node), [rows[0].id], 'it has come');
  isComing = false;
  await pass(30_000);
  t.equal(statusOf(rows[1].id), 'failed', 'nothing brings the other any more');
});
