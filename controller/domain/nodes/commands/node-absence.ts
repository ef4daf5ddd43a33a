/** The absence of nodes: unreachable, then lost. `nodeConnected` in nodes.ts ends an absence. */
import { type Command, unchanged } from '../../engine/command.ts';
import type { NodeId } from '../../engine/ids.ts';
import { type Mutation, put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import type { RowView } from '../../engine/view.ts';
import type { NewEvent } from '../../events/events.ts';
import { failing } from '../../sessions/fail-session.ts';
import { NO_NODE } from '../refusals.ts';
import type { NodeRow } from '../rows.ts';

export const nodeEvent = (
  type: Extract<NewEvent['type'], `node.${string}`>,
  { id, name }: Pick<NodeRow, 'id' | 'name'>,
  more: object = {},
): NewEvent => ({
  type,
  spaceId: null,
  sessionId: null,
  data: { node: { id, name, ...more } },
});

/**
 * Records that a node's stream ended (`seen`: it was connected until now) or never came up. Its
 * sessions keep their state, and messages wait.
 */
export function nodeUnreachable(id: NodeId, seen: boolean): Command<undefined> {
  return {
    name: 'node-unreachable',
    decide({ view, now }) {
      const row = view.get('nodes', id);
      if (row === undefined || row.unreachableSince !== null) return unchanged(undefined);
      const after = { ...row, lastSeenAt: seen ? now : row.lastSeenAt, unreachableSince: now };
      return { mutations: [put('nodes', after)], events: [nodeEvent('node.unreachable', row)], result: undefined };
    },
  };
}

/** Does not count the time in which this controller was not running as absence. */
export function excuseNodes(gapMs: number): Command<undefined> {
  return {
    name: 'excuse-nodes',
    decide({ view, now }) {
      const away = view.nodes().filter((row) => row.unreachableSince !== null && row.lostAt === null);
      const mutations = away.map((row) =>
        put('nodes', { ...row, unreachableSince: Math.min(now, (row.unreachableSince ?? now) + Math.max(0, gapMs)) }),
      );
      return { mutations, events: [], result: undefined };
    },
  };
}

/**
 * Declares a node lost, after too long an absence or at an operator's request. {@link
 * failLostSessions} then fails its sessions. A connected node is never lost. Returns whether the
 * node became lost now.
 */
export function loseNode(id: NodeId, isConnected: (id: NodeId) => boolean, by: string | null): Command<Outcome<boolean>> {
  return {
    name: 'lose-node',
    decide({ view, now }) {
      const row = view.get('nodes', id);
      if (row === undefined) return unchanged(NO_NODE);
      if (isConnected(id)) {
        const message = `The node ${row.name} is ready: only an unreachable node can be declared lost. Stop its node agent first.`;
        return unchanged(refused('CONFLICT', message));
      }
      if (row.lostAt !== null) return unchanged(accepted(false));
      const after = { ...row, unreachableSince: row.unreachableSince ?? now, lostAt: now };
      return { mutations: [put('nodes', after)], events: [nodeEvent('node.lost', row, { by })], result: accepted(true) };
    },
  };
}

const SESSIONS_AT_ONCE = 50;
/** Bounds a commit, because each session can have many waiting messages. */
const MUTATIONS_AT_ONCE = 300;

/** Fails some sessions of a lost node. Returns whether there are more; repeat until false. */
export function failLostSessions(id: NodeId): Command<boolean> {
  return {
    name: 'fail-lost-sessions',
    decide({ view, now }) {
      if (view.get('nodes', id)?.lostAt == null) return unchanged(false);
      const sessions = view.unfailedOn(id, SESSIONS_AT_ONCE);
      const mutations: Mutation[] = [];
      const events: NewEvent[] = [];
      let done = 0;
      for (const session of sessions) {
        if (mutations.length >= MUTATIONS_AT_ONCE) break;
        const changes = failing(view, session, session, { reason: hostLost(view, id), answer: 'host_lost' }, now);
        mutations.push(...changes.mutations);
        events.push(...changes.events);
        done += 1;
      }
      return { mutations, events, result: done < sessions.length || sessions.length === SESSIONS_AT_ONCE };
    },
  };
}

function hostLost(view: RowView, id: NodeId): string {
  const { name, revokedAt } = view.get('nodes', id) ?? { name: id, revokedAt: null };
  return `host lost: the node ${name} ${revokedAt === null ? 'is gone' : 'was removed'}`;
}
