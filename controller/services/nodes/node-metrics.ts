import type { Metrics } from '../../../seams/metrics.ts';
import { nodeHealth } from '../../domain/nodes/lease.ts';
import type { Lists } from '../engine/lists.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';

/** A gauge of the cluster's sessions by state, counted on the reading thread when somebody scrapes. */
export function sessionMetrics(metrics: Metrics, lists: Pick<Lists, 'countSessions'>): void {
  metrics.gauge({
    name: 'sessions',
    help: 'Sessions by state, without the deleted',
    labels: ['state'],
    async read() {
      return Object.entries(await lists.countSessions()).map(([state, value]) => ({ labels: { state }, value }));
    },
  });
}

/** Gauges of the cluster's nodes: how many are in which state, what they have, and what sessions request of it. */
export function nodeMetrics(metrics: Metrics, directory: NodeDirectory): void {
  metrics.gauge({
    name: 'nodes',
    help: 'Nodes that have joined, by state',
    labels: ['state'],
    read() {
      const counts = { ready: 0, unreachable: 0, lost: 0 };
      for (const { id, ready } of directory.nodes()) {
        counts[nodeHealth(directory.row(id) ?? { unreachableSince: null, lostAt: null }, ready)] += 1;
      }
      return Object.entries(counts).map(([state, value]) => ({ labels: { state }, value }));
    },
  });
  metrics.gauge({
    name: 'nodes_unschedulable',
    help: 'Nodes that get no new sessions: not ready, or with a condition that keeps sessions away',
    read: () => unschedulableNodes(directory),
  });
  const sums = (of: 'memory_bytes' | 'cpu') => () => {
    const sum = { capacity: 0, requested: 0 };
    for (const node of directory.nodes()) {
      if (!node.ready) continue;
      sum.capacity += of === 'cpu' ? node.cpuMillis / 1000 : node.memoryBytes;
      sum.requested += of === 'cpu' ? node.requested.cpuMillis / 1000 : node.requested.memoryBytes;
    }
    return Object.entries(sum).map(([kind, value]) => ({ labels: { kind }, value }));
  };
  metrics.gauge({
    name: 'ready_nodes_cpu',
    help: 'CPUs of ready nodes: capacity, and what sessions request',
    labels: ['kind'],
    read: sums('cpu'),
  });
  metrics.gauge({
    name: 'ready_nodes_memory_bytes',
    help: 'Memory of ready nodes: capacity, and what sessions request',
    labels: ['kind'],
    read: sums('memory_bytes'),
  });
}

/** Returns how many nodes get no new sessions: those not ready, and those with a condition that keeps sessions away. */
export function unschedulableNodes(directory: Pick<NodeDirectory, 'nodes'>): number {
  return directory.nodes().filter(({ ready, unschedulable }) => !ready || unschedulable !== undefined).length;
}
