/**
 * Places a new session: filters that each can explain a refusal, then a score. Pure: the same fleet
 * and need give the same result.
 */
import type { Fleet, FleetNode, LoadedNode } from '../../engine/fleet.ts';
import type { NodeId } from '../../engine/ids.ts';
import { PLATFORMS } from '../../images/platforms.ts';
import { DEFAULT_SIZE_RULES, type SizeRules } from '../session-sizes.ts';
import { firstObstacle, type Need, type Obstacle } from './filters.ts';
import { preferenceCost } from './label-rules.ts';
import { bySessions, inOrder } from './load.ts';
import { NO_PLACEMENT_RULES } from './placement-rules.ts';

export type Placement = { readonly ok: true; readonly nodeId: NodeId } | { readonly ok: false; readonly obstacles: readonly Obstacle[] };

/** Returns the first obstacle of each node that cannot take the session. */
export const obstaclesOf = (nodes: readonly FleetNode[], need: Need, rules: SizeRules): readonly Obstacle[] =>
  nodes.flatMap((node) => firstObstacle(node, need, rules) ?? []);

/**
 * Returns whether some node could take the session if it were connected, schedulable and empty, and
 * had the image: whether waiting can help.
 */
export function couldEverTake(nodes: readonly FleetNode[], need: Need, rules: SizeRules): boolean {
  const { placement = NO_PLACEMENT_RULES } = need;
  const alone = { ...need, yields: undefined, platforms: EVERYWHERE, placement: { ...placement, antiAffinity: 'none' } } as const;
  return nodes.some((node) => firstObstacle({ ...node, ...EMPTY }, alone, rules) === undefined);
}

const EVERYWHERE = { inRegistry: new Set(PLATFORMS) };
const EMPTY = {
  ...{ ready: true, cordoned: false, draining: false, unschedulable: undefined, pulls: true },
  ...{ requested: { cpuMillis: 0, memoryBytes: 0 }, sessions: 0, limited: { memoryBytes: 0, diskBytes: 0, processes: 0 } },
};

/** By how much fuller a node can be than one that has to pull the image, and still be preferred. */
const IMAGE_WORTH = 0.25;

/**
 * Returns what speaks against a node besides its load, in units of load: it lacks the image, breaks
 * preferences, or has sessions that this one avoids. Never less than 0.
 */
function extraCost(node: FleetNode, { image, placement = NO_PLACEMENT_RULES }: Need): number {
  const { preferences, antiAffinity, sessionsOfSpace } = placement;
  return (
    (node.images.has(image) ? 0 : IMAGE_WORTH) +
    preferenceCost(preferences, node.labels ?? {}) +
    (antiAffinity === 'preferred' ? sessionsOfSpace(node.id) : 0)
  );
}

/**
 * Returns the node that costs least, by load and {@link extraCost}, of those that pass every filter.
 * Ties go to the node with fewer sessions, then to the smaller id. If no node passes: the first
 * obstacle of each.
 *
 * Branch and bound: nodes come in order of load, which no cost is below, so that the search ends once
 * the best one costs no more than the load of the next. On a fleet that has the image, that is the
 * first node with room.
 */
export function placeOn(fleet: Pick<Fleet, 'nodes' | 'byLoad'>, need: Need, rules: SizeRules): Placement {
  const { requests, placement = NO_PLACEMENT_RULES } = need;
  const free = { ...need, yields: undefined };
  let best: { readonly one: LoadedNode; readonly cost: number } | undefined;
  for (const one of fleet.byLoad({ requests, strategy: placement.strategy })) {
    const { node, load } = one;
    if (best !== undefined && load > best.cost) break;
    if (firstObstacle(node, free, rules) !== undefined) continue;
    const cost = load + extraCost(node, need);
    if (best !== undefined && (cost > best.cost || (cost === best.cost && bySessions(best.one, one) < 0))) continue;
    // Who waits for a node is looked up for the best ones only, as it takes a look at each order of
    // the queue.
    if (need.yields?.(node, need) === true) continue;
    best = { one, cost };
    // All others of this load come after it.
    if (cost === load) break;
  }
  return best === undefined ? { ok: false, obstacles: obstaclesOf(fleet.nodes(), need, rules) } : { ok: true, nodeId: best.one.node.id };
}

/** Like {@link placeOn}, on the nodes of a list. */
export const place = (nodes: readonly FleetNode[], need: Need, rules: SizeRules = DEFAULT_SIZE_RULES): Placement =>
  placeOn({ nodes: () => nodes, byLoad: (load) => inOrder(nodes, load) }, need, rules);
