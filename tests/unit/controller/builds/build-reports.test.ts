/** What nodes report about builds: stages while they run, late, twice, or of a build that is not theirs. */
import t from 'tap';
import { buildObject } from '../../../../controller/domain/builds/build-object.ts';
import { finishBuild } from '../../../../controller/domain/builds/commands/advance-build.ts';
import { cancelBuild } from '../../../../controller/domain/builds/commands/cancel-build.ts';
import type { BuildId } from '../../../../controller/domain/engine/ids.ts';
import type { BuildReport__Output as BuildReport } from '../../../../proto/generated/raworc/node/v0/BuildReport.ts';
import { NODE, OTHER_NODE } from '../core.ts';
import { hello } from '../fleet/world.ts';
import { rig, spaceId } from './rig.ts';

type Stages = BuildReport['stages'];

const report = (buildId: string, phase: BuildReport['phase'], stages: Stages, more: Partial<BuildReport> = {}) => ({
  kind: 'build' as const,
  value: {
    buildId,
    phase,
    imageId: '',
    error: '',
    baseImageMissing: false,
    refusedNow: false,
    ownBaseAgent: '',
    ownBaseImage: '',
    stages,
    ...more,
  },
});
const done = (name: string, tookMs: number) => ({ name, tookMs, over: true });
const begun = (name: string) => ({ name, tookMs: 0, over: false });

t.test('the stages of a build are in its row while it runs, and after it has failed', async (t) => {
  const { build, queue, settle, live, core } = await rig(t);
  const node = await live(NODE);
  const row = build(spaceId(0));
  await queue(row);
  await settle();
  const shown = () => {
    const now = core.store.view.get('builds', row.id);
    return now && buildObject(core.store.view, now).stages;
  };
  t.strictSame(shown(), []);
  node.say(report(row.id, 'BUILD_BUILDING', [begun('fetch')]));
  await settle();
  t.strictSame(shown(), [{ name: 'fetch', status: 'running', duration_ms: null }]);
  node.say(report(row.id, 'BUILD_BUILDING', [done('fetch', 7), begun('install'), begun('unheard-of')]));
  node.say(report(row.id, 'BUILD_BUILDING', [done('fetch', 7), begun('install')]));
  await settle();
  const fetched = { name: 'fetch', status: 'completed', duration_ms: 7 };
  t.strictSame(shown(), [fetched, { name: 'install', status: 'running', duration_ms: null }], 'unknown stages are left out');
  node.say(report(row.id, 'BUILD_FAILED', [done('fetch', 7), { name: 'install', tookMs: 3, over: false }], { error: 'no' }));
  await settle();
  t.strictSame(shown(), [fetched, { name: 'install', status: 'failed', duration_ms: 3 }]);
  node.say(report(row.id, 'BUILD_BUILDING', [begun('check')]));
  await settle();
  t.equal(shown()?.length, 2, 'nothing changes after the end');
});

t.test('no other node reports the stages of a build, and a repeated report changes nothing', async (t) => {
  const { build, queue, settle, live, told, core } = await rig(t);
  const nodes = [await live(NODE), await live(OTHER_NODE)];
  const row = build(spaceId(0));
  await queue(row);
  await settle();
  const own = nodes.find((node) => told(node).includes(row.id));
  const other = nodes.find((node) => node !== own);
  other?.say(report(row.id, 'BUILD_BUILDING', [begun('check')]));
  await settle();
  t.strictSame(core.store.view.get('builds', row.id)?.stages, []);
  let commits = 0;
  core.applier.onCommitted(({ mutations }) => {
    if (mutations.some((one) => one.kind === 'put' && one.table === 'builds')) commits += 1;
  });
  for (let at = 0; at < 3; at += 1) own?.say(report(row.id, 'BUILD_BUILDING', [begun('fetch')]));
  await settle();
  t.equal(commits, 1);
});

t.test('a cancelled build ends on its node, is nobody’s any more, and keeps its one state', async (t) => {
  const { build, queue, settle, live, told, core, statusOf } = await rig(t);
  const node = await live(NODE);
  const [row, next] = [build(spaceId(0)), build(spaceId(0))];
  await queue(row, next);
  await settle();
  const cancel = () => core.applier.apply(cancelBuild(row.id, row.spaceId));
  t.match(await cancel(), { ok: true, value: { status: 'cancelled', error: null } });
  await settle();
  t.strictSame(node.of('cancelBuild'), [{ buildId: row.id, image: row.image }]);
  t.ok(told(node).includes(next.id), 'the next build of the space begins');
  t.match(await cancel(), { ok: true, value: { status: 'cancelled' } }, 'again');
  t.equal(node.of('cancelBuild').length, 1);
  // Its end crosses the cancellation: what it made goes too.
  node.say(report(row.id, 'BUILD_COMPLETED', [], { imageId: 'sha256:1' }));
  await settle();
  t.equal(statusOf(row.id), 'cancelled');
  t.equal(node.of('cancelBuild').length, 2);
  // The node was away when it was cancelled.
  node.say(report(row.id, 'BUILD_BUILDING', []));
  await settle();
  t.equal(node.of('cancelBuild').length, 3);
  t.match(await core.applier.apply(cancelBuild('none' as BuildId, row.spaceId)), { ok: false });
  t.match(await core.applier.apply(cancelBuild(next.id, spaceId(1))), { ok: false }, 'of another space');
});

t.test('a build that is cancelled and completed in one batch has the first end', async (t) => {
  const { build, queue, settle, live, core, statusOf } = await rig(t);
  await live(NODE);
  const rows = [build(spaceId(0)), build(spaceId(1))] as const;
  await queue(...rows);
  await settle();
  const cancel = (at: 0 | 1) => core.applier.apply(cancelBuild(rows[at].id, rows[at].spaceId));
  const finish = (at: 0 | 1) => core.applier.apply(finishBuild(rows[at].id, NODE, { imageId: 'sha256:1' }));
  await Promise.all([cancel(0), finish(0), finish(1), cancel(1)]);
  t.equal(statusOf(rows[0].id), 'cancelled');
  t.equal(statusOf(rows[1].id), 'completed');
});

t.test('a queued build that was cancelled never begins', async (t) => {
  const { build, queue, live, told, core } = await rig(t);
  const row = build(spaceId(0));
  await queue(row);
  await core.applier.apply(cancelBuild(row.id, row.spaceId));
  const node = await live(NODE);
  t.strictSame(told(node), []);
  t.strictSame(node.of('cancelBuild'), []);
});

t.test('a node whose build went to another one ends it, and keeps the image, which both make', async (t) => {
  const { build, queue, settle, live, told, core, statusOf } = await rig(t);
  const nodes = [await live(NODE), await live(OTHER_NODE)];
  const row = build(spaceId(0));
  await queue(row);
  await settle();
  const [first, second] = told(nodes[0] as never).length > 0 ? [nodes[0], nodes[1]] : [nodes[1], nodes[0]];
  first?.link.close();
  await settle();
  t.strictSame(told(second as never), [row.id], 'it moves when its node is away');
  const back = await live(first === nodes[0] ? NODE : OTHER_NODE);
  back.say(report(row.id, 'BUILD_BUILDING', [begun('install')]));
  await settle();
  t.strictSame(back.of('cancelBuild'), [{ buildId: row.id, image: '' }]);
  t.equal(statusOf(row.id), 'building');
  back.say(report(row.id, 'BUILD_FAILED', [], { error: 'interrupted' }));
  await settle();
  t.equal(statusOf(row.id), 'building', 'only its node reports its end');
  core.applier.apply(cancelBuild(row.id, row.spaceId));
});

t.test('a node agent of an older release is sent no cancellation', async (t) => {
  const { build, queue, settle, connect, core } = await rig(t);
  const node = connect(NODE, hello({ buildFeatures: [] }));
  await node.until(() => node.of('assignmentSet')[0]);
  await settle();
  const row = build(spaceId(0));
  await queue(row);
  await settle();
  await core.applier.apply(cancelBuild(row.id, row.spaceId));
  await settle();
  t.strictSame(node.of('cancelBuild'), []);
});
