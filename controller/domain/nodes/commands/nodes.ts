import { MAX_LABELS } from '../../../contract/nodes.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { NodeId, SessionId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import { sessionBecomes } from '../../sessions/session-change.ts';
import { slotEnds } from '../../slots/slot.ts';
import { ContestedNode } from '../refusals.ts';
import { type CertificateFacts, type NodeRow, UNMANAGED } from '../rows.ts';
import type { NodeView } from '../view.ts';
import { joinedLabels, refusedAtAll, refusedUse, UNKNOWN_TOKEN } from './join-tokens.ts';
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

const TOO_MANY_LABELS = `A node has at most ${MAX_LABELS} labels. Pass fewer --label, or use a join token with fewer labels.`;

/**
 * Uses a token for a node. The same key can repeat the request and gets the same answer. An
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
      // A key is one node, whatever name it asks for.
      const own = view.nodeByKey(input.keyHash);
      const isRepeated = own?.joinToken === token.id;
      const unusable = isRepeated ? refusedAtAll(token, ages) : refusedUse(token, ages);
      if (unusable !== undefined) return unchanged(unusable);
      if (isRepeated) return unchanged(accepted(own));
      const named = view.nodeByName(input.name);
      const known = own ?? named;
      const refusal = refusedJoin(input, own, named);
      if (refusal !== undefined) return unchanged(refused('CONFLICT', refusal, contested(input, own, named)));
      const labels = joinedLabels(known?.labels, input.labels, token);
      if (labels === undefined) return unchanged(refused('CONFLICT', TOO_MANY_LABELS));
      const row: NodeRow = {
        ...UNMANAGED,
        ...known,
        id: known?.id ?? input.id,
        name: input.name,
        incarnation: (known?.incarnation ?? 0) + 1,
        joinedAt: now,
        labels,
        joinToken: token.id,
        keyHash: input.keyHash,
        machine: null,
        platform: known?.platform ?? null,
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
        mutations: [put('nodes', row), put('nodeTokens', { ...token, used: token.used + 1, usedAt: now })],
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

/** Returns the node that a machine would replace. */
function contested({ isConnected }: JoiningNode, own: NodeRow | undefined, named: NodeRow | undefined): ContestedNode | undefined {
  const node = own !== undefined && isConnected(own.id) ? own : named;
  return node && new ContestedNode(node.id);
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
  readonly certificate?: CertificateFacts | undefined;
  readonly machine?: string | undefined;
  readonly platform?: NodeRow['platform'];
}

/**
 * Records that a node connected and sent its inventory. A lost node can return; its failed sessions
 * stay failed until somebody recovers them.
 */
export function nodeConnected(
  id: NodeId,
  { hostname, keyHash, address, boot, certificate, machine, platform = null, ...greeting }: Greeting,
): Command<undefined> {
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
            ...{ certificate: certificate ?? row.certificate, machine: machine || row.machine, platform },
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
 * Records that these sessions and slots are missing in their node's inventory. Resets what was last
 * reported of sessions, which the assignments that follow restore. Slots end: a session that took
 * one would find its disk missing.
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
      const slots = sessions.flatMap((slotId) => view.get('slots', slotId) ?? []);
      const ended = slots.filter(({ nodeId, phase }) => nodeId === id && phase !== 'none').flatMap((slot) => slotEnds(slot, now));
      return {
        mutations: [...changes.flatMap(({ mutations }) => mutations), ...ended],
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
