import type { NodeId } from '../../domain/engine/ids.ts';
import { drainSessions, wakeAfterDrain } from '../../domain/nodes/commands/drain-node.ts';
import type { Background } from '../engine/background.ts';
import type { Due, Loop } from '../engine/loop.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';
import type { Fleet } from '../fleet/fleet.ts';

/** Busy sessions commit often; one look covers all their changes. */
const GATHER_MS = 200;
const WAKE_RETRY_MS = 5_000;
const WOKEN_AT_ONCE = 50;

export interface DrainLoopDeps extends Pick<Background, 'loops' | 'applier' | 'view' | 'log'> {
  readonly directory: Pick<NodeDirectory, 'rows' | 'row'>;
  readonly fleet: Pick<Fleet, 'resumeDelivery'>;
}

/**
 * Carries out drains. A run looks at one node: while it is drained, it suspends sessions that can
 * be suspended; afterwards it wakes those for which messages waited. All state is in the rows, so a
 * restarted controller continues.
 */
export function drainLoop({ loops, applier, view, log, directory, fleet }: DrainLoopDeps, graceMs: number): Loop<NodeId> {
  const draining = new Set<NodeId>();

  async function drain(id: NodeId): Promise<Due> {
    const { more, dueMs } = await applier.apply(drainSessions(id, graceMs));
    return more ? 0 : dueMs;
  }

  async function wake(id: NodeId): Promise<Due> {
    const waiting = view.wakeWantedOn(id, WOKEN_AT_ONCE);
    if (waiting.length === 0) return undefined;
    // One command each, so that each finds the room that those before it left.
    const woken = await Promise.all(waiting.map((session) => applier.apply(wakeAfterDrain(session.id))));
    const count = woken.filter((isWoken) => isWoken).length;
    log.info('node.drain_waiters_woken', { node: directory.row(id)?.name ?? id, woken: count, waiting: woken.length - count });
    return count > 0 ? 0 : WAKE_RETRY_MS;
  }

  const loop = loops.open<NodeId>({
    name: 'node_drains',
    concurrency: 8,
    run(id) {
      const row = directory.row(id);
      if (row === undefined) return undefined;
      return row.drain === null ? wake(id) : drain(id);
    },
  });
  const changed = (id: NodeId) => {
    const isDraining = directory.row(id)?.drain != null;
    if (isDraining) draining.add(id);
    else if (draining.delete(id)) fleet.resumeDelivery(id);
    loop.wake(id);
  };
  applier.onCommitted(({ mutations }) => {
    for (const mutation of mutations) {
      if (mutation.kind !== 'put') continue;
      if (mutation.table === 'nodes') changed(mutation.row.id);
      if (mutation.table === 'sessions' && mutation.row.nodeId !== null && draining.has(mutation.row.nodeId))
        loop.after(mutation.row.nodeId, GATHER_MS);
    }
  });
  for (const { id } of directory.rows()) changed(id);
  return loop;
}
