import type { Metrics } from '../../../seams/metrics.ts';
import { nodeHealth } from '../../domain/nodes/lease.ts';
import type { Lists } from '../engine/lists.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';

/** Registers a gauge of sessions by state, counted on the reader thread on each scrape. */
export function sessionMetrics(metrics: Metrics, lists: Pick<Lists, 'countSessions'>): void {
  metrics.gauge({
    name: 'sessions',
    help: 'Sessions by state, without deleted ones',
    labels: ['state'],
    async read() {
      return Object.entries(await lists.countSessions()).map(([state, value]) => ({ labels: { state }, value }));
    },
  });
}

/** Registers gauges of the nodes: states, capacity, and what sessions request. */
export function nodeMetrics(metrics: Metrics, directory: NodeDirectory): void {
  metrics.gauge({
    name: 'nodes',
    help: 'Joined nodes, by state',
    labels: ['state'],
    read() {
      const counts = { ready: 0, degraded: 0, unreachable: 0, lost: 0 };
      for (const node of directory.nodes())
        counts[nodeHealth(directory.row(node.id) ?? { unreachableSince: null, lostAt: null }, node)] += 1;
      return Object.entries(counts).map(([state, value]) => ({ labels: { state }, value }));
    },
  });
  metrics.gauge({
    name: 'nodes_unschedulable',
    help: 'Nodes that accept no new sessions: not ready, or unschedulable',
    read: () => unschedulableNodes(directory),
  });
  metrics.gauge({
    name: 'nodes_cordoned',
    help: 'Nodes that an operator closed to new sessions, by how far they are',
    labels: ['state'],
    read() {
      const counts = { cordoned: 0, draining: 0, drained: 0 };
      for (const { cordonedAt, drain } of directory.rows()) {
        if (drain !== null) counts[drain.doneAt === null ? 'draining' : 'drained'] += 1;
        else if (cordonedAt !== null) counts.cordoned += 1;
      }
      return Object.entries(counts).map(([state, value]) => ({ labels: { state }, value }));
    },
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
    help: 'CPUs of ready nodes: capacity, and requested by sessions',
    labels: ['kind'],
    read: sums('cpu'),
  });
  metrics.gauge({
    name: 'ready_nodes_memory_bytes',
    help: 'Memory of ready nodes: capacity, and requested by sessions',
    labels: ['kind'],
    read: sums('memory_bytes'),
  });
}

/** Returns how many nodes accept no new sessions: not ready, or unschedulable. */
export function unschedulableNodes(directory: Pick<NodeDirectory, 'nodes'>): number {
  return directory.nodes().filter(({ ready, unschedulable }) => !ready || unschedulable !== undefined).length;
}
