import t, { type Test } from 'tap';
import { agentTexts } from '../../../../controller/domain/agents/agent-objects.ts';
import { changeAgent, removeAgent } from '../../../../controller/domain/agents/commands/change-agent.ts';
import { putSource } from '../../../../controller/domain/agents/commands/put-source.ts';
import type { AgentRow } from '../../../../controller/domain/agents/rows.ts';
import { recordFetched } from '../../../../controller/domain/builds/commands/record-fetched.ts';
import { contentOf } from '../../../../controller/domain/builds/content.ts';
import type { BuildRow } from '../../../../controller/domain/builds/rows.ts';
import type { AccountId, AgentId, BuildId, NodeId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { NODE, OTHER_NODE, openCore, SPACE } from '../core.ts';

const COMMIT = 'a'.repeat(40);
const program = { runtime: 'python', handler: 'main.process_message', idempotent: false } as const;
const row = (name: string, more: Partial<AgentRow> = {}): AgentRow => ({
  ...{
    id: name as AgentId,
    spaceId: SPACE as SpaceId,
    name,
    description: null,
    purpose: null,
    sourceRepo: 'owner/repo',
    sourceBranch: 'main',
  },
  ...{
    sourceDirectory: null,
    sourceSecret: null,
    sourceCommit: null,
    wanted: 'active',
    sourceDigest: null,
    program: null,
    manifest: null,
    sourceAt: null,
  },
  ...{ sourceBytes: 0, sourceFiles: 0, createdAt: 1, updatedAt: 1, createdBy: 'admin', createdById: 'account' as AccountId, ...more },
});
const fetched = { sourceCommit: COMMIT, sourceDigest: 'sha256:1', program, sourceBytes: 10 };

t.test('a deploy of one agent leaves the commits of others; a build of the space fetches all', async (t) => {
  const rows = [
    row('uploaded', { sourceDigest: 'sha256:0', program }),
    row('pinned', fetched),
    row('deployed', fetched),
    row('new'),
    row('off', { wanted: 'inactive' }),
  ];
  const one = contentOf(rows, new Set(['deployed' as AgentId]));
  t.match(one.agents, [
    { name: 'uploaded', from: undefined },
    { name: 'pinned', digest: 'sha256:1', from: { commit: COMMIT } },
  ]);
  t.same(
    one.unfetched.map(({ name }) => name),
    ['deployed', 'new'],
  );
  t.same(
    contentOf(rows, 'all').unfetched.map(({ name }) => name),
    ['pinned', 'deployed', 'new'],
  );
});

const build: BuildRow = {
  ...{ id: 'b' as BuildId, spaceId: SPACE as SpaceId, status: 'building', image: 'i:b', imageId: null, baseImage: 'base', agents: [] },
  ...{
    unfetched: [{ id: 'a' as AgentId, name: 'a', repo: 'owner/repo', branch: 'main' }],
    nodeId: NODE as NodeId,
    error: null,
    stages: [],
  },
  ...{ createdAt: 9, completedAt: null, createdBy: 'admin' },
};

async function world(t: Test, agent: AgentRow) {
  const core = await openCore();
  t.teardown(() => core.close());
  const rows = [put('agents', agent), put('builds', build)];
  await core.applier.apply({ name: 'rows', decide: () => ({ mutations: rows, events: [], result: undefined }) });
  const source = { digest: 'sha256:2', sizeBytes: 20, files: 2, program, texts: { description: 'From the manifest', purpose: null } };
  const record = (nodeId: string, withSource = true, commit = COMMIT) =>
    core.applier.apply(
      recordFetched({
        buildId: build.id,
        nodeId: nodeId as NodeId,
        agent: 'a',
        commit,
        endsSame: false,
        ...(withSource ? { source } : {}),
      }),
    );
  return { core, record, agent: () => core.store.view.get('agents', 'a'), built: () => core.store.view.get('builds', 'b') };
}

t.test('a fetched source goes into its build and becomes the source of its agent', async (t) => {
  const { record, agent, built } = await world(t, row('a'));
  t.match(await record(OTHER_NODE), { ok: false, refusal: { code: 'NOT_FOUND' } }, 'only from the node that builds');
  t.match(await record(NODE), { ok: true, value: { built: { digest: 'sha256:2' }, replaced: null } });
  t.match(built(), {
    unfetched: [],
    agents: [{ name: 'a', digest: 'sha256:2', from: { repo: 'owner/repo', branch: 'main', commit: COMMIT } }],
  });
  t.match(agent(), {
    sourceDigest: 'sha256:2',
    sourceCommit: COMMIT,
    sourceBytes: 20,
    description: null,
    manifest: { description: 'From the manifest' },
  });
  t.match(await record(NODE), { ok: false }, 'once');
});

t.test('a known commit needs no source, another one does', async (t) => {
  const { record, built } = await world(t, row('a', fetched));
  t.match(await record(NODE, false, 'b'.repeat(40)), { ok: false, refusal: { code: 'CONFLICT' } });
  t.match(await record(NODE, false), { ok: true });
  t.match(built()?.agents, [{ digest: 'sha256:1', from: { commit: COMMIT } }]);
});

t.test('an upload that came meanwhile stays the source of the agent', async (t) => {
  const { record, agent, built } = await world(t, row('a', { sourceDigest: 'sha256:9', program }));
  t.match(await record(NODE), { ok: true });
  t.match(built()?.agents, [{ digest: 'sha256:2' }]);
  t.match(agent(), { sourceDigest: 'sha256:9', sourceCommit: null });
});

t.test('secrets have a new version when agents get another set of them', async (t) => {
  const { core } = await world(t, row('a'));
  const at = { createdAt: 1, updatedAt: 1, createdBy: 'admin' };
  const secret = { id: 's', spaceId: SPACE as SpaceId, keyName: 'KEY', description: null, sealed: 'x', keyId: 'k', ...at };
  const rows = [put('secrets', secret), put('agents', row('b'))];
  await core.applier.apply({ name: 'rows', decide: () => ({ mutations: rows, events: [], result: undefined }) });
  const version = () => core.store.view.get('spaces', SPACE)?.secretsVersion ?? 0;
  const steps: [agent: string, secret: string | null, growth: number][] = [
    ['a', 'KEY', 1],
    ['a', 'KEY', 0],
    ['b', 'KEY', 0],
    ['a', null, 0],
    ['a', 'NONE', 0],
    ['b', null, 1],
    ['b', 'KEY', 1],
  ];
  for (const [agent, sourceSecret, growth] of steps) {
    const before = version();
    await core.applier.apply(changeAgent(agent as AgentId, { sourceSecret }));
    t.equal(version() - before, growth, `${agent} ${sourceSecret}`);
  }
  const before = version();
  await core.applier.apply(removeAgent('b' as AgentId));
  t.equal(version() - before, 1);
});

t.test('texts of the manifest follow it, and those of the API override them', async (t) => {
  const { core, agent } = await world(t, row('a', { sourceRepo: null }));
  const source = (more: object) => ({
    ...{ digest: 'sha256:3', sizeBytes: 1, files: 1, program },
    texts: { description: null, purpose: null, ...more },
  });
  const steps = [
    [putSource('a' as AgentId, source({ purpose: 'one', description: 'first' })), 'one', 'first'],
    [putSource('a' as AgentId, source({ purpose: 'two' })), 'two', null],
    [changeAgent('a' as AgentId, { purpose: 'mine' }), 'mine', null],
    [putSource('a' as AgentId, source({ purpose: 'three', description: 'second' })), 'mine', 'second'],
    [changeAgent('a' as AgentId, { purpose: null }), 'three', 'second'],
    [changeAgent('a' as AgentId, { sourceRepo: 'owner/repo' }), null, null],
  ] as const;
  for (const [at, [command, purpose, description]] of steps.entries()) {
    await core.applier.apply<unknown>(command);
    const now = agent();
    t.same(now && agentTexts(now), { purpose, description }, `step ${at}`);
  }
});

t.test('naming a repository replaces an upload and what came from another one', async (t) => {
  const sources: [agent: AgentRow, change: object, digest: string | null][] = [
    [row('a', { sourceDigest: 'sha256:9', program }), { sourceRepo: 'owner/repo' }, null],
    [row('a', { sourceDigest: 'sha256:9', program }), { description: 'x' }, 'sha256:9'],
    [row('a', fetched), { sourceRepo: 'owner/repo' }, 'sha256:1'],
    [row('a', fetched), { sourceBranch: 'next' }, 'sha256:1'],
    [row('a', fetched), { sourceRepo: 'owner/other' }, null],
    [row('a', fetched), { sourceDirectory: 'sub' }, null],
  ];
  for (const [agent, change, digest] of sources) {
    const { core, agent: now } = await world(t, agent);
    await core.applier.apply(changeAgent('a' as AgentId, change));
    t.match(now(), { sourceDigest: digest }, JSON.stringify(change));
  }
});
