import t from 'tap';
import { Permissions } from '../../controller/domain/access/rbac.ts';
import type { AgentRow } from '../../controller/domain/agents/rows.ts';
import type { AgentId, BuildId, NodeId, SpaceId } from '../../controller/domain/engine/ids.ts';
import { put } from '../../controller/domain/engine/mutation.ts';
import type { SpaceRow } from '../../controller/domain/spaces/rows.ts';
import type { Caller } from '../../controller/services/access/caller.ts';
import { type AgentDeps, agentService } from '../../controller/services/agents/agent-service.ts';
import { Budgets } from '../../controller/services/budget/budgets.ts';
import { LiveWorkers } from '../../controller/services/fleet/live-workers.ts';
import { systemClock, systemRandom } from '../../seams/system.ts';
import { listsOn } from '../simulation/world/store.ts';
import { ACCOUNT, openCore } from '../unit/controller/core.ts';
import { countedView } from '../unit/controller/engine/counted-view.ts';
import { sessionRow } from '../unit/controller/engine/session-rows.ts';
import { scaled, TIME_LIMIT_MS } from './scale.ts';

t.setTimeout(TIME_LIMIT_MS);

const AGENTS = 200;
const spaceId = 'space' as SpaceId;
const by = { createdAt: 1, updatedAt: 1, createdBy: 'admin' };
const space: SpaceRow = { id: spaceId, name: 'lab', description: null, settings: {}, secretsVersion: 0, active: true, ...by };
const program = { runtime: 'python', handler: 'main.process_message', idempotent: false } as const;
const agents = Array.from(
  { length: AGENTS },
  (_, at): AgentRow => ({
    ...{
      id: `agent-${at}` as AgentId,
      spaceId,
      name: `agent-${at}`,
      description: null,
      purpose: null,
      sourceRepo: null,
      ...{ sourceDirectory: null, sourceSecret: null, manifest: null, sourceCommit: null },
      sourceBranch: 'main',
    },
    ...{ wanted: 'active', sourceDigest: 'sha256:0', program, sourceAt: 1, sourceBytes: 1, sourceFiles: 1, ...by, createdById: ACCOUNT },
  }),
);

t.test('agents of a space are shown without a look at the sessions in which they live', async (t) => {
  const core = await openCore();
  const { lists, close } = listsOn(core.store.path);
  t.teardown(() => {
    close();
    core.close();
  });
  const built = agents.map(({ id, name }) => ({ id, name, digest: 'sha256:0', ...program }));
  core.store.writer.transaction(() => {
    core.store.writer.apply(put('spaces', space));
    for (const row of agents) core.store.writer.apply(put('agents', row));
    core.store.writer.apply(
      put('builds', {
        ...{
          id: 'build' as BuildId,
          spaceId,
          status: 'completed',
          image: 'i',
          imageId: 'i',
          baseImage: 'base',
          agents: built,
          unfetched: [],
          stages: [],
        },
        ...{ nodeId: null, error: null, createdAt: 1, completedAt: 1, createdBy: 'admin' },
      }),
    );
  });
  const { view, countReads } = countedView(core.store.view);
  const workers = new LiveWorkers();
  const fleet: AgentDeps['fleet'] = { workers, stopAgent: () => undefined, stream: () => undefined };
  const sourceStore: AgentDeps['sourceStore'] = {
    receive: () => Promise.reject(new Error('nothing is uploaded here')),
    remove: async () => undefined,
    kept: async () => [],
  };
  const service = agentService({
    clock: systemClock,
    ...{ applier: core.applier, view, lists, random: systemRandom, storeKey: new Uint8Array(32), baseImage: 'base', sourceStore, fleet },
    budgets: new Budgets({ clock: systemClock }),
  });
  const everything = { name: 'all', rules: [{ api_groups: ['*'], resources: ['*'], verbs: ['*'] }] };
  const permissions = new Permissions([{ role: everything, spaceId: null }]);
  const caller: Caller = { accountId: ACCOUNT, user: 'admin', permissions, now: () => caller };

  const reads: number[][] = [];
  for (const sessions of [1, scaled({ short: 2_000, long: 20_000 })]) {
    const rows = Array.from({ length: sessions }, (_, at) => sessionRow(at, { spaceId, agents: built }));
    for (const row of rows)
      workers.report('node' as NodeId, row, [
        { agent: 'agent-7', startedAtMs: 1000 },
        { agent: 'agent-8', startedAtMs: 5 },
      ]);
    const page = { limit: 1000, offset: 0 };
    const [one, ofOne] = countReads(() => service.get(caller, 'lab', 'agent-7'));
    t.match(one, { value: { status: 'running' } });
    const [running, ofRunning] = countReads(() => service.running(caller, 'lab', page));
    t.match(running, {
      value: {
        total: 2,
        items: [
          { name: 'agent-8', sessions },
          { name: 'agent-7', sessions },
        ],
      },
    });
    const [listing, ofCall] = countReads(() => service.list(caller, 'lab', page));
    const listed = await listing;
    if (!listed.ok) throw new Error(listed.refusal.message);
    t.equal(listed.value.items.length, AGENTS);
    t.same(
      listed.value.items.filter(({ status }) => status === 'running').map(({ name }) => name),
      ['agent-8', 'agent-7'],
    );
    const [, ofRest] = countReads(() => undefined);
    reads.push([ofOne, ofRunning, ofCall, ofRest]);
  }
  t.same(reads[0], reads[1], 'as many reads of the store as for one session');
  t.ok(
    (reads[0] ?? []).every((count) => count <= 8),
    `few of them: ${reads[0]}`,
  );
});
