/** Placement on a fleet whose nodes come in order of load, beside one that looks at every node. */
import t from 'tap';
import type { FleetNode, LoadedNode } from '../../../../controller/domain/engine/fleet.ts';
import type { NodeId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { type NodeRow, UNMANAGED } from '../../../../controller/domain/nodes/rows.ts';
import { firstObstacle, type Need } from '../../../../controller/domain/sessions/placement/filters.ts';
import { preferenceCost } from '../../../../controller/domain/sessions/placement/label-rules.ts';
import { inOrder } from '../../../../controller/domain/sessions/placement/load.ts';
import { placeOn } from '../../../../controller/domain/sessions/placement/placement.ts';
import { NO_PLACEMENT_RULES } from '../../../../controller/domain/sessions/placement/placement-rules.ts';
import type { SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import { DEFAULT_LIMITS, DEFAULT_SIZE_RULES } from '../../../../controller/domain/sessions/session-sizes.ts';
import { Capacity } from '../../../../controller/services/engine/capacity.ts';
import { NodeDirectory } from '../../../../controller/services/engine/node-directory.ts';
import { seeded } from '../core.ts';
import { sessionRow, uuid } from './session-rows.ts';

const MIB = 2 ** 20;
const SPACE = 'space' as SpaceId;
const SIZES = { ...DEFAULT_SIZE_RULES, memoryOvercommit: 0, diskOvercommit: 0 };

const nodeRow = (name: string, joinedAt: number, more: Partial<NodeRow>): NodeRow =>
  ({
    ...UNMANAGED,
    id: name,
    name,
    joinedAt,
    bounds: null,
    revokedAt: null,
    lastSeenAt: 1,
    lostAt: null,
    maxSessions: 0,
    ...more,
  }) as NodeRow;

/** Looks at every node: the definition of what is best. */
function bestOfAll(nodes: readonly FleetNode[], need: Need): NodeId | undefined {
  const { requests, image, placement = NO_PLACEMENT_RULES } = need;
  const costs = nodes
    .filter((node) => firstObstacle(node, { ...need, yields: undefined }, SIZES) === undefined && need.yields?.(node, need) !== true)
    .map((node) => {
      const { requested, cpuMillis, memoryBytes } = node;
      const share = Math.max(
        (requested.cpuMillis + requests.cpuMillis) / cpuMillis,
        (requested.memoryBytes + requests.memoryBytes) / memoryBytes,
      );
      const load = placement.strategy === 'pack' ? 1 - share : share;
      const avoided = placement.antiAffinity === 'preferred' ? placement.sessionsOfSpace(node.id) : 0;
      const extra = (node.images.has(image) ? 0 : 0.25) + preferenceCost(placement.preferences, node.labels ?? {}) + avoided;
      return { node, cost: load + extra };
    });
  costs.sort((a, b) => a.cost - b.cost || a.node.sessions - b.node.sessions || (a.node.id < b.node.id ? -1 : 1));
  return costs[0]?.node.id;
}

function fleetOf(random: () => number, count: number) {
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  const capacity = new Capacity([]);
  const rows = new Map<string, NodeRow>();
  const view = { nodes: () => [...rows.values()], spaceByName: () => undefined };
  const directory = new NodeDirectory({ view, capacity, rules: new Map(), sizes: SIZES, hasRegistry: true });
  const joins = (at: number) => {
    const name = uuid(at);
    const size = { cpuMillis: pick([1000, 4000]), memoryBytes: pick([1024, 4096]) * MIB, maxSessions: pick([0, 0, 3]) };
    const row = nodeRow(name, at, { ...size, labels: pick([{}, { zone: 'a' }, { zone: 'b' }]), cordonedAt: pick([null, null, null, 1]) });
    rows.set(name, row);
    directory.committed([put('nodes', row)]);
    const images = new Set(pick([['base'], ['base'], ['base', 'other'], []]));
    directory.connected(row.id, { lease: { runs: random() > 0.1 }, facts: { images, movesImages: random() > 0.2, conditions: [] } });
  };
  for (let at = 0; at < count; at += 1) joins(at);
  return { capacity, directory, rows, joins, pick };
}

t.test('whatever comes and goes, the node that placement finds is the best of all, and the orders are those of all nodes', (t) => {
  let placed = 0;
  for (let seed = 1; seed <= 150; seed += 1) {
    const random = seeded(seed);
    const { capacity, directory, rows, joins, pick } = fleetOf(random, 3 + Math.floor(random() * 40));
    const sessions: SessionRow[] = [];
    for (let step = 0; step < 60; step += 1) {
      const requests = { cpuMillis: pick([50, 50, 400]), memoryBytes: pick([64, 512]) * MIB };
      const strategy = pick(['spread', 'spread', 'pack'] as const);
      const preferences = pick([[], [{ label: 'zone', operator: 'in' as const, values: ['a'], weight: 30 }]]);
      const rules = { ...NO_PLACEMENT_RULES, strategy, preferences, antiAffinity: pick(['none', 'none', 'preferred'] as const) };
      const need: Need = {
        ...{ spaceId: SPACE, requests, limits: DEFAULT_LIMITS, image: pick(['base', 'base', 'other']) },
        platforms: { inRegistry: new Set(['linux/amd64'] as const) },
        placement: { ...rules, sessionsOfSpace: (node) => directory.sessionsOfSpace(SPACE, node) },
        yields: pick([undefined, (node: FleetNode) => node.name.endsWith('1')]),
      };
      const expected = bestOfAll(directory.nodes(), need);
      const found = placeOn(directory, need, SIZES);
      if ((found.ok ? found.nodeId : undefined) !== expected) return t.equal(found, expected, `seed ${seed}, step ${step}`);
      const written = (order: readonly LoadedNode[]) => order.map(({ node, load, sessions }) => `${node.id} ${load} ${sessions}`).join();
      const orders = [directory.byLoad({ requests, strategy }), inOrder(directory.nodes(), { requests, strategy })].map(written);
      if (orders[0] !== orders[1]) return t.equal(orders[0], orders[1], `seed ${seed}, step ${step}`);
      // Commits, or a command that is refused, or a batch that fails.
      const layers = pick([0, 1, 2]);
      for (let layer = 0; layer < layers; layer += 1) capacity.begin();
      if (found.ok) {
        const session = sessionRow(seed * 1000 + step, { nodeId: found.nodeId, spaceId: SPACE, requests, limits: DEFAULT_LIMITS });
        capacity.change(undefined, session);
        if (layers > 0) placeOn(directory, need, SIZES);
        const isKept = layers === 0 || random() > 0.4;
        for (let layer = 0; layer < layers; layer += 1) isKept ? capacity.keep() : capacity.drop();
        if (isKept) sessions.push(session);
        placed += 1;
      } else for (let layer = 0; layer < layers; layer += 1) capacity.drop();
      if (random() < 0.3) {
        const [gone] = sessions.splice(Math.floor(random() * sessions.length), 1);
        if (gone !== undefined) capacity.change(gone, undefined);
      }
      if (random() < 0.05) joins(1000 + step);
      if (rows.size > 1 && random() < 0.05) {
        const row = pick([...rows.values()]);
        rows.delete(row.id);
        directory.committed([put('nodes', { ...row, revokedAt: 1 })]);
      }
    }
  }
  t.ok(placed > 1000, `${placed} sessions were placed`);
  t.end();
});

t.test('on many equal nodes, placement looks at few of them', (t) => {
  const capacity = new Capacity([]);
  const view = { nodes: () => [], spaceByName: () => undefined };
  const directory = new NodeDirectory({ view, capacity, rules: new Map(), sizes: SIZES });
  let looks = 0;
  for (let at = 0; at < 1000; at += 1) {
    const row = nodeRow(uuid(at), at, { cpuMillis: 8000, memoryBytes: 16_384 * MIB });
    directory.committed([put('nodes', row)]);
    const lease = {
      get runs() {
        looks += 1;
        return true;
      },
    };
    directory.connected(row.id, { lease, facts: { images: new Set(['base']), conditions: [] } });
  }
  const requests = { cpuMillis: 50, memoryBytes: 128 * MIB };
  const need: Need = { spaceId: SPACE, requests, limits: DEFAULT_LIMITS, image: 'base' };
  const counts = new Map<NodeId, number>();
  for (let at = 0; at < 2000; at += 1) {
    const found = placeOn(directory, need, SIZES);
    if (!found.ok) return t.fail('there is room');
    counts.set(found.nodeId, (counts.get(found.nodeId) ?? 0) + 1);
    capacity.change(undefined, sessionRow(at, { nodeId: found.nodeId, spaceId: SPACE, requests }));
  }
  t.same(new Set(counts.values()), new Set([2]), 'spread evenly');
  t.equal(looks, 2000);
  t.end();
});
