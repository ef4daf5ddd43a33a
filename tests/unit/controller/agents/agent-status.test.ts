import t from 'tap';
import { agentObject } from '../../../../controller/domain/agents/agent-objects.ts';
import type { AgentRow } from '../../../../controller/domain/agents/rows.ts';
import type { BuildRow, BuiltAgent } from '../../../../controller/domain/builds/rows.ts';
import type { AccountId, AgentId, BuildId } from '../../../../controller/domain/engine/ids.ts';
import { type Mutation, put } from '../../../../controller/domain/engine/mutation.ts';
import { NODE, openCore, SPACE } from '../core.ts';

const program = { runtime: 'python', handler: 'main.process_message', idempotent: false } as const;
const agent = (name: string, sourceDigest: string): AgentRow => ({
  ...{ id: name as AgentId, spaceId: SPACE, name, description: null, purpose: null, sourceRepo: null, sourceBranch: 'main' },
  ...{ sourceDirectory: null, sourceSecret: null, sourceCommit: null, wanted: 'active', sourceDigest, program, manifest: null },
  ...{ sourceAt: 1, sourceBytes: 1, sourceFiles: 1, createdAt: 1, updatedAt: 1, createdBy: 'admin', createdById: 'account' as AccountId },
});
const built = (name: string, digest: string): BuiltAgent => ({ id: name as AgentId, name, digest, ...program });
const build = (number: number, status: BuildRow['status'], more: Partial<BuildRow>): BuildRow => ({
  ...{ id: `build-${number}` as BuildId, spaceId: SPACE, status, image: `image:${number}`, imageId: 'i', baseImage: 'base' },
  ...{ agents: [], unfetched: [], stages: [], nodeId: NODE, error: null, createdAt: number, completedAt: number, createdBy: 'admin' },
  ...more,
});

t.test('a failed build is an error of those agents only whose source is in no image', async (t) => {
  const core = await openCore();
  t.teardown(() => core.close());
  const rows: Mutation[] = [
    ...[agent('same', 'sha256:1'), agent('changed', 'sha256:2'), agent('new', 'sha256:1'), agent('moved', 'sha256:1')].map((row) =>
      put('agents', row),
    ),
    put('builds', build(1, 'completed', { agents: [built('same', 'sha256:1'), built('changed', 'sha256:1'), built('moved', 'sha256:1')] })),
    put(
      'builds',
      build(2, 'failed', {
        agents: [built('same', 'sha256:1'), built('changed', 'sha256:2'), built('new', 'sha256:1')],
        unfetched: [{ id: 'moved' as AgentId, name: 'moved', repo: 'owner/repo', branch: 'main' }],
      }),
    ),
  ];
  await core.applier.apply({ name: 'rows', decide: () => ({ mutations: rows, events: [], result: undefined }) });
  const statusOf = (name: string) => {
    const row = core.store.view.get('agents', name);
    return row && agentObject(core.store.view, row).status;
  };
  t.same(['same', 'changed', 'new', 'moved'].map(statusOf), ['active', 'error', 'error', 'error']);
});
