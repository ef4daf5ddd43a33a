import type { Ages } from '../../engine/agreed-time.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { NodeId, SessionId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import { sessionBecomes } from '../../sessions/session-change.ts';
import type { NodeRow, NodeTokenRow } from '../rows.ts';
import type { NodeView } from '../view.ts';
import { nodeEvent } from './node-absence.ts';

export interface JoiningNode {
  readonly id: NodeId;
  readonly name: string;
  readonly tokenId: string;
  readonly secretHash: string;
  readonly keyHash: string;
  /** Whether a node of that name has a stream now. */
  readonly isConnected: (id: NodeId) => boolean;
}

export const UNKNOWN_TOKEN = refused(
  'UNAUTHORIZED',
  'This token is not of this controller, or was pruned: print a new one with `raworc node token`.',
);

/** Uses a token up for a node; asked again with the same key, it gives the same answer. A node of the same name that is away is the same node come back with a new identity. */
/** By the time that passed since it was made: a clock that is set ends no token. */
const isExpired = ({ createdAt, expiresAt }: NodeTokenRow, ages: Ages) => ages.ageMs(createdAt) >= expiresAt - createdAt;

export function joinNode(input: JoiningNode): Command<Outcome<NodeRow>> {
  return {
    name: 'join-node',
    decide({ view, now, ages }) {
      const token = view.get('nodeTokens', input.tokenId);
      if (token === undefined || token.secretHash !== input.secretHash) {
        return unchanged(UNKNOWN_TOKEN);
      }
      const made = token.usedBy === null ? undefined : view.get('nodes', token.usedBy);
      if (made !== undefined && token.usedKey === input.keyHash && !isExpired(token, ages)) return unchanged(accepted(made));
      if (token.usedAt !== null) {
        return unchanged(refused('UNAUTHORIZED', 'This token was used already: print a new one with `raworc node token`.'));
      }
      if (isExpired(token, ages)) {
        return unchanged(refused('UNAUTHORIZED', 'This token has expired: print a new one with `raworc node token`.'));
      }
      const known = view.nodeByName(input.name);
      if (known !== undefined && input.isConnected(known.id)) {
        return unchanged(refused('CONFLICT', `A node named "${input.name}" is connected: give this one another --name.`));
      }
      if (known !== undefined && known.revokedAt !== null) {
        return unchanged(refused('CONFLICT', `The node "${input.name}" was revoked: give this one another --name.`));
      }
      const row: NodeRow = {
        id: known?.id ?? input.id,
        name: input.name,
        incarnation: (known?.incarnation ?? 0) + 1,
        joinedAt: now,
        keyHash: input.keyHash,
        revokedAt: null,
        driver: known?.driver ?? '',
        version: known?.version ?? '',
        cpuMillis: known?.cpuMillis ?? 0,
        memoryBytes: known?.memoryBytes ?? 0,
        maxSessions: known?.maxSessions ?? 0,
        bounds: known?.bounds ?? null,
        lastSeenAt: known?.lastSeenAt ?? null,
        unreachableSince: known?.unreachableSince ?? null,
        lostAt: known?.lostAt ?? null,
      };
      return {
        mutations: [put('nodes', row), put('nodeTokens', { ...token, usedAt: now, usedBy: row.id, usedKey: input.keyHash })],
        events: [nodeEvent('node.joined', row)],
        answer: accepted(row),
      };
    },
  };
}

export interface Greeting
  extends Pick<NodeRow, 'driver' | 'version' | 'cpuMillis' | 'memoryBytes' | 'maxSessions' | 'bounds' | 'incarnation'> {
  readonly hostname: string;
  /** Of the certificate that it connected with; undefined where links carry none. */
  readonly keyHash?: string | undefined;
}

/**
 * A node's stream came up, and its inventory was heard. One that was lost is welcome: what failed with it stays failed until
 * somebody recovers it.
 */
export function nodeConnected(id: NodeId, { hostname, keyHash, ...greeting }: Greeting): Command<undefined> {
  return {
    name: 'node-connected',
    decide({ view, now }) {
      const known = view.get('nodes', id);
      const row = known ?? readmitted(view, id, hostname, now);
      return {
        mutations: [
          put('nodes', { ...row, ...greeting, keyHash: keyHash ?? row.keyHash, lastSeenAt: now, unreachableSince: null, lostAt: null }),
        ],
        events: [...(known === undefined ? [nodeEvent('node.joined', row)] : []), nodeEvent('node.ready', row)],
        answer: undefined,
      };
    },
  };
}

/**
 * These sessions are placed on a node that does not hold them, by its inventory. They are not what they were last said to be; the
 * assignments that follow make them so again.
 */
export function notHeld(id: NodeId, sessions: readonly SessionId[]): Command<undefined> {
  return {
    name: 'not-held',
    decide({ view, now }) {
      const changes = sessions.flatMap((sessionId) => {
        const session = view.get('sessions', sessionId);
        if (session === undefined || session.nodeId !== id || session.phase === 'none' || session.desired === 'deleted') return [];
        return sessionBecomes(view, session, { ...session, phase: 'none', containerId: null, updatedAt: now });
      });
      return {
        mutations: changes.flatMap(({ mutations }) => mutations),
        events: changes.flatMap(({ events }) => events),
        answer: undefined,
      };
    },
  };
}

/** A node whose certificate is of this cluster, and which joined after the backup that the store was restored from: its name was lost with it. */
function readmitted(view: NodeView, id: NodeId, name: string, now: number): NodeRow {
  const capacity = { driver: '', version: '', cpuMillis: 0, memoryBytes: 0, maxSessions: 0, bounds: null };
  return {
    ...{ id, name: view.nodeByName(name) === undefined ? name : `${name}-${id.slice(0, 8)}`, incarnation: 0, joinedAt: now, ...capacity },
    ...{ keyHash: null, revokedAt: null, lastSeenAt: null, unreachableSince: null, lostAt: null },
  };
}

export interface NewToken {
  readonly id: string;
  readonly secretHash: string;
  readonly ttlMs: number;
  readonly user: string;
}

export function createNodeToken(input: NewToken): Command<Outcome<{ expiresAt: number }>> {
  return {
    name: 'create-node-token',
    grows: true,
    decide({ now }) {
      const expiresAt = now + input.ttlMs;
      const row = {
        id: input.id,
        secretHash: input.secretHash,
        expiresAt,
        usedAt: null,
        usedBy: null,
        usedKey: null,
        createdBy: input.user,
        createdAt: now,
      };
      return { mutations: [put('nodeTokens', row)], events: [], answer: accepted({ expiresAt }) };
    },
  };
}
