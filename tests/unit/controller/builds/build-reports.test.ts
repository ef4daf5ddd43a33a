/** What nodes report about builds: stages while they run, late, twice, or of a build that is not theirs. */
import t from 'tap';
import { buildObject } from '../../../../controller/domain/builds/build-object.ts';
import type { BuildReport__Output as BuildReport } from '../../../../proto/generated/raworc/node/v0/BuildReport.ts';
import { NODE, OTHER_NODE } from '../core.ts';
import { rig, spaceId } from './rig.ts';

type Stages = BuildReport['stages'];

const report = (buildId: string, phase: BuildReport['phase'], stages: Stages, more: Partial<BuildReport> = {}) => ({
  kind: 'build' as const,
  value: { buildId, phase, imageId: '', error: '', baseImageMissing: false, refusedNow: false, stages, ...more },
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
