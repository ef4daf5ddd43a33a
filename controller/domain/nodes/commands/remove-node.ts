/**
 * Removes a node from the cluster: its certificates are refused from now on, and its name is free.
 * The row stays, so that the node is recognized when it returns.
 */
import { type Command, unchanged } from '../../engine/command.ts';
import type { NodeId } from '../../engine/ids.ts';
import { type Mutation, put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import { NO_NODE } from '../refusals.ts';
import { UNSET } from '../rows.ts';
import { nodeEvent } from './node-absence.ts';

/**
 * Removes a node. Refuses while sessions have files on it, unless `lost`: {@link failLostSessions}
 * then fails them, and {@link forgetTombstones} ends removals that nobody will carry out.
 */
export function removeNode(id: NodeId, lost: boolean, by: string): Command<Outcome<undefined>> {
  return {
    name: 'remove-node',
    decide({ view, now }) {
      const row = view.get('nodes', id);
      if (row === undefined || row.revokedAt !== null) return unchanged(NO_NODE);
      const [sessions, removals] = [view.sessionsOn(id), view.tombstonesOf(id, '', 1).length];
      if (!lost && sessions + removals > 0) return unchanged(refused('CONFLICT', stillHas(row.name, sessions)));
      const after = { ...row, ...UNSET, revokedAt: now, unreachableSince: row.unreachableSince ?? now, lostAt: row.lostAt ?? now };
      const events = [nodeEvent('node.removed', row, { by, sessions_failed: lost && sessions > 0 })];
      return { mutations: [put('nodes', after)], events, result: accepted(undefined) };
    },
  };
}

function stillHas(name: string, sessions: number): string {
  const loss = 'If the node is gone for good, send lost=true: its sessions fail and their files are given up.';
  if (sessions === 0) return `The node ${name} is still removing deleted sessions. Retry when it is done. ${loss}`;
  const what = sessions === 1 ? '1 session' : `${sessions} sessions`;
  return `The node ${name} has the files of ${what}. Delete the sessions first. ${loss}`;
}

const TOMBSTONES_AT_ONCE = 200;

/**
 * Drops some tombstones of a removed node, which never answers them. Returns whether there are
 * more; repeat until false.
 */
export function forgetTombstones(id: NodeId): Command<boolean> {
  return {
    name: 'forget-tombstones',
    decide({ view }) {
      if (view.get('nodes', id)?.revokedAt == null) return unchanged(false);
      const tombstones = view.tombstonesOf(id, '', TOMBSTONES_AT_ONCE);
      const mutations = tombstones.flatMap((tombstone): Mutation[] => {
        const session = view.get('sessions', tombstone.id);
        const row = session?.desired === 'deleted' ? [put('sessions', { ...session, phase: 'none', containerId: null, volume: null })] : [];
        return [{ kind: 'remove', table: 'tombstones', id: tombstone.id }, ...row];
      });
      return { mutations, events: [], result: tombstones.length === TOMBSTONES_AT_ONCE };
    },
  };
}
