/**
 * Places a new session: filters that each can explain a refusal, then a score. Pure: the same fleet
 * and need give the same result.
 */
import type { FleetNode } from '../../engine/fleet.ts';
import type { NodeId } from '../../engine/ids.ts';
import { PLATFORMS } from '../../images/platforms.ts';
import { DEFAULT_SIZE_RULES, type SizeRules } from '../session-sizes.ts';
import { firstObstacle, type Need, type Obstacle } from './filters.ts';
import { preferenceCost } from './label-rules.ts';
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

interface Candidate {
  readonly node: FleetNode;
  readonly cost: number;
}

/** By how much fuller a node can be than one that has to pull the image, and still be preferred. */
const IMAGE_WORTH = 0.25;

/**
 * Returns what speaks against a node, in units of its load: the share of its scarcer resource that
 * would be in use, 0 (empty) to 1 (full), or with `pack` the share that would be free; and more if
 * it lacks the image, breaks preferences, or has sessions that this one avoids.
 */
function cost(node: FleetNode, { requests, image, placement = NO_PLACEMENT_RULES }: Need): number {
  const cpuShare = (node.requested.cpuMillis + requests.cpuMillis) / node.cpuMillis;
  const memoryShare = (node.requested.memoryBytes + requests.memoryBytes) / node.memoryBytes;
  const share = Math.max(cpuShare, memoryShare);
  const { strategy, preferences, antiAffinity, sessionsOfSpace } = placement;
  return (
    (strategy === 'pack' ? 1 - share : share) +
    (node.images.has(image) ? 0 : IMAGE_WORTH) +
    preferenceCost(preferences, node.labels ?? {}) +
    (antiAffinity === 'preferred' ? sessionsOfSpace(node.id) : 0)
  );
}

/**
 * Returns the node that costs least of those that pass every filter. Ties
 * go to the node with fewer sessions, then to the smaller id, so that the result is independent of
 * the fleet's order. If no node passes: the first obstacle of each.
 */
export function place(nodes: readonly FleetNode[], need: Need, rules: SizeRules = DEFAULT_SIZE_RULES): Placement {
  const free = { ...need, yields: undefined };
  const candidates: Candidate[] = [];
  for (const node of nodes) if (firstObstacle(node, free, rules) === undefined) candidates.push({ node, cost: cost(node, need) });
  // Who waits for a node is looked up for the best ones only, as it takes a look at each order of
  // the queue.
  const found = candidates.toSorted(byCost).find(({ node }) => need.yields?.(node, need) !== true);
  return found === undefined ? { ok: false, obstacles: obstaclesOf(nodes, need, rules) } : { ok: true, nodeId: found.node.id };
}

function byCost(a: Candidate, b: Candidate): number {
  if (a.cost !== b.cost) return a.cost - b.cost;
  if (a.node.sessions !== b.node.sessions) return a.node.sessions - b.node.sessions;
  return a.node.id < b.node.id ? -1 : 1;
}
