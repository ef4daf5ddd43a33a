import t from 'tap';
import type { AgentId, NodeId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import type { SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import { LiveWorkers } from '../../../../controller/services/fleet/live-workers.ts';
import { seeded } from '../core.ts';
import { sessionRow } from '../engine/session-rows.ts';

const AGENTS = ['a', 'b', 'c'].map(
  (name) => ({ id: `agent-${name}` as AgentId, name, digest: 'd', runtime: 'python', handler: 'h', idempotent: false }) as const,
);
const NODES = ['one', 'two'] as readonly string[] as readonly NodeId[];
const SPACE = 'space' as SpaceId;

t.test('workers are counted as sessions change, as if they were counted anew each time', (t) => {
  const random = seeded(3);
  const one = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const workers = new LiveWorkers();
  const rows = new Map<string, SessionRow>();
  /** What was said last of each session. */
  const said = new Map<string, { node: NodeId; startedAtMs: Map<AgentId, number> }>();
  for (let turn = 0; turn < 3000; turn += 1) {
    const number = Math.floor(random() * 20);
    const row = rows.get(String(number)) ?? sessionRow(number, { spaceId: SPACE, agents: [...AGENTS] });
    const what = random();
    if (what < 0.5) {
      const next = {
        ...row,
        desired: one(['running', 'running', 'paused', 'deleted'] as const),
        phase: one(['running', 'starting', 'paused'] as const),
      };
      rows.set(String(number), next);
      workers.committed([put('sessions', next)]);
      if (next.desired === 'deleted') said.delete(String(number));
    } else if (what < 0.97) {
      const [node, live] = [one(NODES), AGENTS.filter(() => random() < 0.5)];
      const list = live.map(({ name }) => ({ agent: name, startedAtMs: Math.floor(random() * 1000) }));
      rows.set(String(number), row);
      workers.report(node, row, list);
      const startedAtMs = new Map(list.map(({ agent, startedAtMs: at }) => [`agent-${agent}` as AgentId, at]));
      if (list.length === 0) said.delete(String(number));
      else said.set(String(number), { node, startedAtMs });
    } else {
      const node = one(NODES);
      workers.forget(node);
      for (const [session, { node: of }] of [...said]) if (of === node) said.delete(session);
    }
    const alive: AgentId[] = [];
    for (const { id } of AGENTS) {
      const started = [...said].flatMap(([session, { startedAtMs }]) => {
        const now = rows.get(session);
        const at = startedAtMs.get(id);
        return at !== undefined && now?.desired === 'running' && now.phase === 'running' ? [at] : [];
      });
      if (started.length > 0) alive.push(id);
      const found = { count: workers.count(id), startedAtMs: workers.startedAtMs(id) };
      const expected = { count: started.length, startedAtMs: started.length === 0 ? undefined : Math.min(...started) };
      if (found.count !== expected.count || found.startedAtMs !== expected.startedAtMs) t.same(found, expected, `turn ${turn}`);
    }
    if ([...workers.agentsIn(SPACE)].sort().join() !== alive.join()) t.same(workers.agentsIn(SPACE), alive, `turn ${turn}`);
  }
  t.pass('3,000 turns');
  t.end();
});
