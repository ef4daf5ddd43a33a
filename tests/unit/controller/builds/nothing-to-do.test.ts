/** Builds of repositories whose commits have not moved. */
import t, { type Test } from 'tap';
import type { AgentRow } from '../../../../controller/domain/agents/rows.ts';
import { assignBuild } from '../../../../controller/domain/builds/commands/advance-build.ts';
import { createBuild, type NewBuild } from '../../../../controller/domain/builds/commands/create-build.ts';
import { recordFetched } from '../../../../controller/domain/builds/commands/record-fetched.ts';
import type { BuildRow } from '../../../../controller/domain/builds/rows.ts';
import type { AccountId, AgentId, BuildId, NodeId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { isImageNeeded } from '../../../../controller/domain/images/needed.ts';
import { NODE, openCore, SPACE } from '../core.ts';

const COMMIT = 'a'.repeat(40);
const IMAGE = 'raworc_space_x:earlier';
const program = { runtime: 'python', handler: 'main.process_message', idempotent: false } as const;
const agent: AgentRow = {
  ...{ id: 'a' as AgentId, spaceId: SPACE as SpaceId, name: 'a', description: null, purpose: null, sourceRepo: 'owner/repo' },
  ...{ sourceBranch: 'main', sourceDirectory: null, sourceSecret: null, sourceCommit: COMMIT, wanted: 'active', manifest: null },
  ...{ sourceDigest: 'sha256:1', program, sourceAt: 1, sourceBytes: 10, sourceFiles: 1, createdAt: 1, updatedAt: 1 },
  ...{ createdBy: 'admin', createdById: 'account' as AccountId },
};
/** The order of keys differs, as after a change of the code that writes rows. */
const built = { name: 'a', ...program, id: 'a' as AgentId, digest: 'sha256:1', ownBase: 'python@sha256:0' };
const earlier: BuildRow = {
  ...{ id: 'earlier' as BuildId, spaceId: SPACE as SpaceId, status: 'completed', image: IMAGE, imageId: 'sha256:i', baseImage: 'base' },
  ...{ agents: [{ ...built, from: { repo: 'owner/repo', branch: 'main', commit: COMMIT } }], unfetched: [], nodeId: NODE as NodeId },
  ...{ error: null, stages: [], createdAt: 5, completedAt: 6, createdBy: 'admin' },
};

async function world(t: Test) {
  const core = await openCore();
  t.teardown(() => core.close());
  const rows = [put('agents', agent), put('builds', earlier)];
  await core.applier.apply({ name: 'rows', decide: () => ({ mutations: rows, events: [], result: undefined }) });
  const { view } = core.store;
  const ask = async (id: string, { force = false, baseImage = 'base' } = {}) => {
    const input: NewBuild = { id: id as BuildId, spaceId: SPACE as SpaceId, baseImage, user: 'admin' };
    const outcome = await core.applier.apply(createBuild(input, force));
    return outcome.ok ? outcome.value.id : outcome.refusal.message;
  };
  const assign = (id: string) => core.applier.apply(assignBuild(id as BuildId, NODE as NodeId));
  const fetch = (id: string, { commit = COMMIT, digest = '', endsSame = true } = {}) => {
    const source = { digest, sizeBytes: 20, files: 2, program, texts: { description: null, purpose: null } };
    const fetched = { buildId: id as BuildId, nodeId: NODE as NodeId, agent: 'a', commit, endsSame };
    return core.applier.apply(recordFetched(digest === '' ? fetched : { ...fetched, source }));
  };
  return { core, view, ask, assign, fetch, row: (id: string) => view.get('builds', id) };
}

t.test('a build ends with the image that there is, which is still needed', async (t) => {
  const { view, ask, assign, fetch, row } = await world(t);
  await ask('b');
  await assign('b');
  t.match(await fetch('b'), { ok: true, value: { sameAs: 'earlier' } });
  t.match(row('b'), { status: 'completed', image: IMAGE, imageId: 'sha256:i', agents: [{ ownBase: 'python@sha256:0' }] });
  t.type(row('b')?.completedAt, 'number');
  t.ok(isImageNeeded(view, IMAGE, 'base'));
  await ask('c');
  await assign('c');
  t.match(await fetch('c'), { ok: true, value: { sameAs: 'b' } }, 'again');
});

t.test('a commit that changes nothing of the agent is recorded, and builds nothing', async (t) => {
  const { ask, assign, fetch, row, view } = await world(t);
  await ask('b');
  await assign('b');
  const commit = 'b'.repeat(40);
  t.match(await fetch('b', { commit, digest: 'sha256:1' }), { ok: true, value: { sameAs: 'earlier' } });
  t.match(row('b'), { status: 'completed', image: IMAGE, agents: [{ from: { commit } }] });
  t.match(view.get('agents', 'a'), { sourceCommit: commit });
});

t.test('what has changed is built, and what is forced, or on a node that cannot end it', async (t) => {
  const { ask, assign, fetch, row } = await world(t);
  const cases: readonly (readonly [id: string, asked: object, fetched: object])[] = [
    ['force', { force: true }, {}],
    ['base', { baseImage: 'newer' }, {}],
    ['old-node', {}, { endsSame: false }],
    ['source', {}, { commit: 'c'.repeat(40), digest: 'sha256:2' }],
  ];
  for (const [id, asked, fetched] of cases) {
    t.equal(await ask(id, asked), id);
    await assign(id);
    const taken = await fetch(id, fetched);
    t.ok(taken.ok);
    t.match(row(id), { status: 'building', image: new RegExp(id), unfetched: [] }, id);
  }
});

t.test('one of several requests for a queued build can force it', async (t) => {
  const { ask, row } = await world(t);
  t.equal(await ask('b', { force: true }), 'b');
  t.equal(await ask('c'), 'b', 'they share a build');
  t.match(row('b')?.unfetched, [{ isForced: true }]);
});

t.test('a build that runs can have looked at its repository before a push, so a request after it gets the next', async (t) => {
  const { ask, assign } = await world(t);
  t.equal(await ask('b'), 'b');
  await assign('b');
  t.equal(await ask('c'), 'c');
  t.equal(await ask('d'), 'c');
});
