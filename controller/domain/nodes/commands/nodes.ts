import type { Ages } from '../../engine/agreed-time.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { NodeId, SessionId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import { sessionBecomes } from '../../sessions/session-change.ts';
import { type NodeRow, type NodeTokenRow, UNMANAGED } from '../rows.ts';
import type { NodeView } from '../view.ts';
import { nodeEvent } from './node-absence.ts';

export interface JoiningNode {
  readonly id: NodeId;
  readonly name: string;
  readonly tokenId: string;
  readonly secretHash: string;
  readonly keyHash: string;
  /** Added to the labels that the node has. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Returns whether a node has a stream now. */
  readonly isConnected: (id: NodeId) => boolean;
}

export const UNKNOWN_TOKEN = refused(
  'UNAUTHORIZED',
  'This join token belongs to another controller or expired long ago. Create a new one with `raworc node token`.',
);

/**
 * Counts time that passed since the token's creation, so that setting the clock expires no token.
 */
const isExpired = ({ createdAt, expiresAt }: NodeTokenRow, ages: Ages) => ages.ageMs(createdAt) >= expiresAt - createdAt;

/**
 * Redeems a token for a node. The same key can repeat the request and gets the same answer. An
 * absent node can rejoin with its key, also under another name. A name belongs to its key until the
 * node is removed.
 */
export function joinNode(input: JoiningNode): Command<Outcome<NodeRow>> {
  return {
    name: 'join-node',
    decide({ view, now, ages }) {
      const token = view.get('nodeTokens', input.tokenId);
      if (token === undefined || token.secretHash !== input.secretHash) {
        return unchanged(UNKNOWN_TOKEN);
      }
      const existing = token.usedBy === null ? undefined : view.get('nodes', token.usedBy);
      if (existing !== undefined && token.usedKey === input.keyHash && !isExpired(token, ages)) return unchanged(accepted(existing));
      if (token.usedAt !== null) {
        return unchanged(refused('UNAUTHORIZED', 'This join token was already used. Create a new one with `raworc node token`.'));
      }
      if (isExpired(token, ages)) {
        return unchanged(refused('UNAUTHORIZED', 'This join token has expired. Create a new one with `raworc node token`.'));
      }
      // A key is one node, whatever name it asks for.
      const own = view.nodeByKey(input.keyHash);
      const named = view.nodeByName(input.name);
      const known = own ?? named;
      const refusal = refusedJoin(input, own, named);
      if (refusal !== undefined) return unchanged(refused('CONFLICT', refusal));
      const row: NodeRow = {
        ...UNMANAGED,
        ...known,
        id: known?.id ?? input.id,
        name: input.name,
        incarnation: (known?.incarnation ?? 0) + 1,
        joinedAt: now,
        labels: { ...known?.labels, ...input.labels },
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
        result: accepted(row),
      };
    },
  };
}

/** Returns why a machine cannot join, and what to do. `own` is the node of its key, `named` that of its name. */
function refusedJoin({ name, isConnected }: JoiningNode, own: NodeRow | undefined, named: NodeRow | undefined): string | undefined {
  if (own !== undefined && isConnected(own.id))
    return `The node "${own.name}" has the same key and is connected. If this machine is a copy of it, delete the identity in this data directory.`;
  if (named === undefined || named.id === own?.id) return undefined;
  if (isConnected(named.id)) return `A node named "${name}" is connected. Choose another --name.`;
  // Null: it joined before keys were recorded, so its certificate was the only proof.
  if (own === undefined && named.keyHash === null) return undefined;
  return `A node named "${name}" exists, with another key. Choose another --name. If that node is gone for good, run \`raworc node remove ${name}\` first.`;
}

export interface Greeting
  extends Pick<NodeRow, 'driver' | 'version' | 'cpuMillis' | 'memoryBytes' | 'maxSessions' | 'bounds' | 'incarnation'> {
  readonly hostname: string;
  /** Its host, without the port. */
  readonly address?: string | undefined;
  /** The number of this process's start, above those of all processes before it. */
  readonly boot: number;
  /** Key of the certificate with which it connected; undefined on links without certificates. */
  readonly keyHash?: string | undefined;
}

/**
 * Records that a node connected and sent its inventory. A lost node can return; its failed sessions
 * stay failed until somebody recovers them.
 */
export function nodeConnected(id: NodeId, { hostname, keyHash, address, boot, ...greeting }: Greeting): Command<undefined> {
  return {
    name: 'node-connected',
    decide({ view, now }) {
      const known = view.get('nodes', id);
      // It was removed while its inventory was decided. Its stream ends with that commit.
      if (known !== undefined && known.revokedAt !== null) return unchanged(undefined);
      const row = known ?? readmitted(view, id, hostname, now);
      return {
        mutations: [
          put('nodes', {
            ...row,
            ...greeting,
            ...{ keyHash: keyHash ?? row.keyHash, address: address ?? row.address, lastBoot: Math.max(row.lastBoot, boot) },
            ...{ lastSeenAt: now, unreachableSince: null, lostAt: null },
          }),
        ],
        events: [...(known === undefined ? [nodeEvent('node.joined', row)] : []), nodeEvent('node.ready', row)],
        result: undefined,
      };
    },
  };
}

/**
 * Records that these sessions are missing in their node's inventory. Resets what was last reported
 * of them; the assignments that follow restore them.
 */
export function sessionsMissing(id: NodeId, sessions: readonly SessionId[]): Command<undefined> {
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
        result: undefined,
      };
    },
  };
}

/**
 * Readmits a node with a valid certificate that joined after the backup from which the store was
 * restored. The backup does not contain its name.
 */
function readmitted(view: NodeView, id: NodeId, name: string, now: number): NodeRow {
  const capacity = { driver: '', version: '', cpuMillis: 0, memoryBytes: 0, maxSessions: 0, bounds: null };
  return {
    ...{ id, name: view.nodeByName(name) === undefined ? name : `${name}-${id.slice(0, 8)}`, incarnation: 0, joinedAt: now, ...capacity },
    ...{ ...UNMANAGED, keyHash: null, revokedAt: null, lastSeenAt: null, unreachableSince: null, lostAt: null },
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
      return { mutations: [put('nodeTokens', row)], events: [], result: accepted({ expiresAt }) };
    },
  };
}
