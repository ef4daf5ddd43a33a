import t from 'tap';
import type { Constraint } from '../../../../controller/contract/scheduling/label-rules.ts';
import type { FleetNode } from '../../../../controller/domain/engine/fleet.ts';
import type { NodeId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import type { Obstacle } from '../../../../controller/domain/sessions/placement/filters.ts';
import { broken, holds, preferenceCost } from '../../../../controller/domain/sessions/placement/label-rules.ts';
import { MAX_EXPLAINED, noRoom } from '../../../../controller/domain/sessions/placement/no-room.ts';
import { place } from '../../../../controller/domain/sessions/placement/placement.ts';
import { NO_PLACEMENT_RULES, type PlacementRules } from '../../../../controller/domain/sessions/placement/placement-rules.ts';
import { DEFAULT_LIMITS } from '../../../../controller/domain/sessions/session-sizes.ts';
import { seeded } from '../core.ts';

const MIB = 1024 * 1024;
const ZONES = ['a', 'b', 'c'];

const node = (name: string, more: Partial<FleetNode> = {}): FleetNode => ({
  ...{ id: name as NodeId, name, ready: true, cpuMillis: 1000, memoryBytes: 1024 * MIB, maxSessions: 0, images: new Set(['base']) },
  ...{ requested: { cpuMillis: 0, memoryBytes: 0 }, sessions: 0, limited: { memoryBytes: 0, diskBytes: 0, processes: 0 } },
  ...more,
});
const need = (placement: Partial<PlacementRules>) => ({
  ...{ spaceId: 'space-1' as SpaceId, requests: { cpuMillis: 50, memoryBytes: MIB }, limits: DEFAULT_LIMITS, image: 'base' },
  placement: { ...NO_PLACEMENT_RULES, ...placement },
});
const used = (cpuMillis: number) => ({ requested: { cpuMillis, memoryBytes: 0 } });

t.test('each operator, on a label with the value, with another, and without the label', async (t) => {
  const table: readonly (readonly [Constraint, value: boolean, other: boolean, none: boolean, reason: RegExp])[] = [
    [{ label: 'zone', operator: 'in', values: ['a'] }, true, false, false, /^has zone=b, but the session requires zone=a$/],
    [
      { label: 'zone', operator: 'in', values: ['a', 'c'] },
      true,
      false,
      false,
      /^has zone=b, but the session requires zone to be one of a, c$/,
    ],
    [{ label: 'zone', operator: 'not_in', values: ['a'] }, false, true, true, /^has zone=a, which the session excludes$/],
    [{ label: 'zone', operator: 'exists' }, true, true, false, /^has no label zone$/],
    [{ label: 'zone', operator: 'not_exists' }, false, false, true, /^has zone=b, but the session excludes nodes with the label zone$/],
  ];
  for (const [rule, value, other, none, reason] of table) {
    const all = [{ zone: 'a' }, { zone: 'b' }, {}];
    t.same(
      all.map((labels) => holds(rule, labels)),
      [value, other, none],
      JSON.stringify(rule),
    );
    const breaking = [{ zone: 'b' }, ...all].find((labels) => !holds(rule, labels)) ?? {};
    t.match(broken(rule, breaking), reason);
  }
  t.notOk(holds({ label: 'constructor', operator: 'exists' }, {}), 'only labels that were set');
});

t.test('constraints of the session and of its space must all hold; those of the space are named by place only', async (t) => {
  const fleet = [node('plain'), node('gpu', { labels: { gpu: 'a100', zone: 'b' } })];
  const gpu: Constraint = { label: 'gpu', operator: 'exists' };
  const zone: Constraint = { label: 'zone', operator: 'in', values: ['a'] };
  t.same(place(fleet, need({ constraints: [gpu] })), { ok: true, nodeId: 'gpu' });
  t.same(place(fleet, need({ spaceConstraints: [gpu] })), { ok: true, nodeId: 'gpu' });
  t.same(place(fleet, need({ constraints: [gpu], spaceConstraints: [zone] })), {
    ok: false,
    obstacles: [
      { node: 'plain', filter: 'constraints', reason: 'has no label gpu' },
      { node: 'gpu', filter: 'constraints', reason: "does not meet scheduling.constraints[0] of the space's settings" },
    ],
  });
});

t.test('a preference is worth its weight in load, and forces nothing', async (t) => {
  const zone = { label: 'zone', operator: 'in', values: ['a'], weight: 30 } as const;
  t.equal(preferenceCost([zone, { ...zone, weight: 20 }], {}), 0.5);
  t.equal(preferenceCost([{ label: 'gpu', operator: 'exists' }], {}), 0.5, 'the default');
  const fleet = (cpuMillis: number) => [node('b'), node('a', { ...used(cpuMillis), labels: { zone: 'a' } })];
  t.match(place(fleet(200), need({ preferences: [zone] })), { nodeId: 'a' });
  t.match(place(fleet(400), need({ preferences: [zone] })), { nodeId: 'b' });
  t.match(place([node('b')], need({ preferences: [zone] })), { nodeId: 'b' });
});

t.test('pack fills the fullest node that has room, spread the emptiest', async (t) => {
  const fleet = [node('a', used(500)), node('b', used(950)), node('c', used(951)), node('d')];
  t.match(place(fleet, need({ strategy: 'pack' })), { nodeId: 'b' });
  t.match(place(fleet, need({ strategy: 'spread' })), { nodeId: 'd' });
});

t.test('sessions of a space keep apart: if possible, or always', async (t) => {
  const sessionsOfSpace = (id: NodeId) => ({ a: 0, b: 1 })[String(id)] ?? 2;
  const fleet = [node('a', used(900)), node('b', used(400)), node('c')];
  t.match(place(fleet, need({ sessionsOfSpace })), { nodeId: 'c' });
  t.match(place(fleet, need({ sessionsOfSpace, antiAffinity: 'preferred' })), { nodeId: 'a' });
  t.match(place(fleet.slice(1), need({ sessionsOfSpace, antiAffinity: 'preferred' })), { nodeId: 'b' });
  t.match(place(fleet, need({ sessionsOfSpace, antiAffinity: 'required' })), { nodeId: 'a' });
  t.match(place(fleet.slice(1), need({ sessionsOfSpace, antiAffinity: 'required' })), {
    ok: false,
    obstacles: [{ filter: 'anti-affinity', reason: /already has a session of this space/ }, { node: 'c' }],
  });
});

t.test('random fleets: the chosen node meets every constraint, and nodes are only refused for a reason', async (t) => {
  const random = seeded(7);
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const labels = () => Object.fromEntries(['zone', 'gpu'].filter(() => random() < 0.6).map((label) => [label, one(ZONES)]));
  const rule = (): Constraint => {
    const operator = one(['in', 'not_in', 'exists', 'not_exists'] as const);
    const values = operator === 'in' || operator === 'not_in' ? { values: ZONES.filter(() => random() < 0.5) } : {};
    return { label: one(['zone', 'gpu', 'disk']), operator, ...values };
  };
  const outcomes = { placed: 0, refused: 0 };
  for (let round = 0; round < 2000; round += 1) {
    const fleet = Array.from({ length: 4 }, (_, at) => node(`node-${at}`, { ...used(Math.floor(random() * 1000)), labels: labels() }));
    const rules = [rule(), rule()].slice(0, Math.floor(random() * 3));
    const strategy = one(['spread', 'pack'] as const);
    const placement = place(
      fleet,
      need({ constraints: rules.slice(0, 1), spaceConstraints: rules.slice(1), preferences: [rule()], strategy }),
    );
    const fits = fleet.filter((at) => at.requested.cpuMillis <= 950 && rules.every((each) => holds(each, at.labels ?? {})));
    outcomes[placement.ok ? 'placed' : 'refused'] += 1;
    if (placement.ok ? fits.every(({ id }) => id !== placement.nodeId) : fits.length > 0 || placement.obstacles.length !== 4)
      t.fail(`round ${round}: ${JSON.stringify(placement)} of ${JSON.stringify(fleet)} for ${JSON.stringify(rules)}`);
  }
  t.ok(outcomes.placed > 300 && outcomes.refused > 300, `came up both ways: ${JSON.stringify(outcomes)}`);
});

t.test('a refusal explains the nodes that came closest, counts all, and tells others about none', async (t) => {
  const constraints: readonly Constraint[] = [{ label: 'gpu', operator: 'exists' }];
  const far: readonly Obstacle[] = Array.from({ length: 1000 }, (_, at) => ({
    node: `far-${at}`,
    filter: 'ready',
    reason: 'is not connected',
  }));
  const close: Obstacle = { node: 'close', filter: 'memory', reason: 'has 0 MiB left' };
  const { refusal } = noRoom(need({ constraints }), [...far, close]);
  const details = refusal.details as { nodes: readonly Obstacle[] };
  t.equal(details.nodes.length, MAX_EXPLAINED.details);
  t.match(details, { constraints, nodes: [close], nodes_omitted: 981, nodes_by_filter: { ready: 1000, memory: 1 } });
  t.match(
    refusal.message,
    /^No node that meets the constraints has room .*: close has 0 MiB left; far-0 is .*; 996 more nodes, see details\.$/,
  );
  t.match(refusal.withoutNodes, { details: { constraints } });
  t.notMatch(JSON.stringify(refusal.withoutNodes), /far|close|ready/);
});

t.test('random creations and deletions: spread stays even, pack fills one node after another, required keeps apart', async (t) => {
  const random = seeded(3);
  for (const rules of [{ strategy: 'spread' }, { strategy: 'pack' }, { strategy: 'spread', antiAffinity: 'required' }] as const) {
    const sessions: NodeId[] = [];
    const on = (id: NodeId) => sessions.filter((one) => one === id).length;
    const ids = ['a', 'b', 'c', 'd'] as NodeId[];
    const fleet = () => ids.map((id) => node(id, { ...used(on(id) * 50), sessions: on(id) }));
    const seen = { placed: 0, refused: 0 };
    for (let step = 0; step < 400; step += 1) {
      if (random() < 0.35) {
        sessions.splice(Math.floor(random() * sessions.length), 1);
        continue;
      }
      const before = ids.map(on);
      const placement = place(fleet(), need({ ...rules, sessionsOfSpace: on }));
      seen[placement.ok ? 'placed' : 'refused'] += 1;
      const isFull = 'antiAffinity' in rules ? before.every((count) => count > 0) : before.every((count) => count >= 20);
      if (placement.ok === isFull) return t.fail(`${JSON.stringify(rules)}, step ${step}: ${JSON.stringify(before)} gave ${placement.ok}`);
      if (!placement.ok) continue;
      const chosen = on(placement.nodeId);
      const best = rules.strategy === 'pack' ? Math.max(...before.filter((count) => count < 20)) : Math.min(...before);
      if (chosen !== best) return t.fail(`${JSON.stringify(rules)}, step ${step}: ${placement.nodeId} of ${JSON.stringify(before)}`);
      sessions.push(placement.nodeId);
    }
    t.ok(seen.placed > 50 && seen.refused > 20, `${JSON.stringify(rules)} came up both ways: ${JSON.stringify(seen)}`);
  }
});
