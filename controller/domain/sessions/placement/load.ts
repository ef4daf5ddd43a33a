/** The load of nodes, and the order in which placement looks at them. */
import type { FleetNode, Load, LoadedNode } from '../../engine/fleet.ts';

/**
 * Returns the share of a node's scarcer resource that would be in use with the session, 0 (empty) to
 * 1 (full), or with `pack` the share that would be free.
 */
export function loadOf(node: Pick<FleetNode, 'requested' | 'cpuMillis' | 'memoryBytes'>, { requests, strategy }: Load): number {
  const { requested } = node;
  const cpuShare = (requested.cpuMillis + requests.cpuMillis) / node.cpuMillis;
  const memoryShare = (requested.memoryBytes + requests.memoryBytes) / node.memoryBytes;
  const share = Math.max(cpuShare, memoryShare);
  return strategy === 'pack' ? 1 - share : share;
}

export const loaded = (node: FleetNode, load: Load): LoadedNode => ({ node, load: loadOf(node, load), sessions: node.sessions });

/** Orders by load, then by fewer sessions, then by id: independent of the fleet's order. */
export const byLoad = (a: LoadedNode, b: LoadedNode): number => a.load - b.load || bySessions(a, b);

/** Orders nodes that are equal otherwise. */
export function bySessions(a: LoadedNode, b: LoadedNode): number {
  if (a.sessions !== b.sessions) return a.sessions - b.sessions;
  if (a.node.id === b.node.id) return 0;
  return a.node.id < b.node.id ? -1 : 1;
}

/** Returns the nodes in that order. */
export const inOrder = (nodes: readonly FleetNode[], load: Load): LoadedNode[] => nodes.map((node) => loaded(node, load)).sort(byLoad);
