import { createHash } from 'node:crypto';
import type { Clock } from '../../../seams/clock.ts';
import type { Random } from '../../../seams/random.ts';
import type { CreateNodeToken, NodeObject } from '../../contract/nodes.ts';
import type { PageRequest } from '../../contract/pages.ts';
import type { FleetNode } from '../../domain/engine/fleet.ts';
import type { NodeId } from '../../domain/engine/ids.ts';
import { accepted, mapped, type Outcome, refused } from '../../domain/engine/outcome.ts';
import { rfc3339, rfc3339OrNull } from '../../domain/engine/time.ts';
import type { View } from '../../domain/engine/view.ts';
import { createNodeToken, joinNode, UNKNOWN_TOKEN } from '../../domain/nodes/commands/nodes.ts';
import { type Absence, type NodeHealth, nodeHealth } from '../../domain/nodes/lease.ts';
import { NO_NODE } from '../../domain/nodes/refusals.ts';
import type { NodeRow } from '../../domain/nodes/rows.ts';
import { forbidden, nodeFor } from '../access/access.ts';
import type { Caller } from '../access/caller.ts';
import type { Attributed } from '../audit/audit-record.ts';
import type { Applier } from '../engine/applier.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { StreamCondition } from '../fleet/node-stream/node-facts.ts';
import type { LeaseLoop } from './lease-loop.ts';
import type { NodeAlarms } from './node-alarms.ts';

const DEFAULT_TTL_S = 3600;

export type Nodes = ReturnType<typeof nodeService>;

export interface NodeDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly fleet: Fleet;
  readonly leases: LeaseLoop;
  readonly alarms: Pick<NodeAlarms, 'conditions'>;
  readonly directory: NodeDirectory;
  readonly clock: Clock;
  readonly random: Random;
  readonly leaseMs: number;
  /** Returns the join token: addresses, the CA's hash, and the token's id and secret. */
  readonly token: (id: string, secret: string) => string;
}

const hashOf = (secret: string) => createHash('sha256').update(secret).digest('base64url');

export function nodeService(deps: NodeDeps) {
  const { view, directory, applier, random, leases } = deps;

  function shown({ id }: NodeRow): Outcome<NodeObject> {
    const node = directory.node(id);
    return node === undefined ? NO_NODE : accepted(nodeObject(deps, node));
  }

  return {
    /**
     * Creates a join token; only this answer contains it. It includes the CA's hash and the
     * controller's address.
     */
    async createToken(caller: Caller, { expires_in_s = DEFAULT_TTL_S }: CreateNodeToken) {
      if (!caller.permissions.allows('nodes', 'create', null)) return forbidden('nodes', 'create');
      const ttlMs = 1000 * expires_in_s;
      const id = random.uuid();
      const secret = Buffer.from(random.bytes(32)).toString('base64url');
      const made = await applier.submit(createNodeToken({ id, secretHash: hashOf(secret), ttlMs, user: caller.user }), caller);
      return mapped(made, ({ expiresAt }) => ({ token: deps.token(id, secret), expires_at: rfc3339(expiresAt) }));
    },
    list(caller: Caller, { limit, offset, order = 'desc' }: PageRequest) {
      if (!caller.permissions.allows('nodes', 'list', null)) return forbidden('nodes', 'list');
      const all = directory.nodes().map((node) => nodeObject(deps, node));
      if (order === 'desc') all.reverse();
      return accepted({ items: all.slice(offset, offset + limit), total: all.length });
    },
    get(caller: Caller, id: string) {
      const node = nodeFor(view, caller, id, 'get');
      return node.ok ? shown(node.value) : node;
    },
    /**
     * Declares an unreachable node lost: its sessions fail, and can be recovered if it returns. 409
     * for a ready node.
     */
    async lose(caller: Caller, id: string) {
      const node = nodeFor(view, caller, id, 'update');
      if (!node.ok) return node;
      const lost = await leases.lose(node.value.id, caller.user, caller);
      return lost.ok ? shown(node.value) : lost;
    },
  };
}

const UNREACHABLE = {
  type: 'Unreachable',
  message:
    'The controller has no connection to this node, or its lease expired. Check that the node agent runs and can reach the controller.',
};
const LOST = {
  type: 'Lost',
  message: 'The node was unreachable for too long or declared lost, and its sessions failed. Recover them once it reconnects.',
};

function absence(status: NodeHealth, row: Absence | undefined): NodeObject['conditions'] {
  if (status === 'ready') return [];
  const [condition, since] = status === 'lost' ? [LOST, row?.lostAt] : [UNREACHABLE, row?.unreachableSince];
  return [since == null ? condition : { ...condition, since: rfc3339(since) }];
}

/** 0 means no bound. */
const orNull = (bound: number | undefined): number | null => bound || null;

const reportedConditions = (conditions: readonly StreamCondition[]) =>
  conditions.map(({ type, message, since }) => ({ type, message, since: rfc3339(since) }));

function nodeObject({ directory, fleet, alarms, leaseMs, clock }: NodeDeps, node: FleetNode): NodeObject {
  const row = directory.row(node.id);
  const status = nodeHealth(row ?? { unreachableSince: null, lostAt: null }, node.ready);
  const most = node.bounds?.most;
  const leftMs = fleet.stream(node.id)?.lease.leftMs();
  return {
    id: node.id,
    name: node.name,
    status,
    driver: row?.driver ?? '',
    version: row?.version ?? '',
    capacity: {
      cpu: node.cpuMillis / 1000,
      memory_bytes: node.memoryBytes,
      sessions: orNull(node.maxSessions),
      processes: orNull(node.bounds?.processes),
      disk_bytes: orNull(node.bounds?.diskBytes),
    },
    limits: { memory_bytes: node.limited.memoryBytes, disk_bytes: node.limited.diskBytes, processes: node.limited.processes },
    maxima: {
      cpu: most?.cpuMillis ? most.cpuMillis / 1000 : null,
      memory_bytes: orNull(most?.memoryBytes),
      disk_bytes: orNull(most?.diskBytes),
      processes: orNull(most?.processes),
    },
    requested: { cpu: node.requested.cpuMillis / 1000, memory_bytes: node.requested.memoryBytes },
    sessions: node.sessions,
    images: [...node.images].sort(),
    lease: { seconds: leaseMs / 1000, expires_at: leftMs === undefined ? null : rfc3339(Math.round(clock.now() + leftMs)) },
    conditions: [
      ...absence(status, row),
      ...alarms.conditions(node.id),
      ...reportedConditions(fleet.stream(node.id)?.facts.conditions ?? []),
    ],
    joined_at: rfc3339(row?.joinedAt ?? 0),
    last_seen_at: node.ready ? rfc3339(clock.now()) : rfc3339OrNull(row?.lastSeenAt ?? null),
    unreachable_since: rfc3339OrNull(row?.unreachableSince ?? null),
    lost_at: rfc3339OrNull(row?.lostAt ?? null),
  };
}

/** Refuses a token of another controller. {@link joinNode} checks the rest. */
export function knownToken(
  view: Pick<View, 'get'>,
  { tokenId, tokenSecret }: { tokenId: string; tokenSecret: string },
): Outcome<undefined> {
  const token = view.get('nodeTokens', tokenId);
  return token?.secretHash === hashOf(tokenSecret) ? accepted(undefined) : UNKNOWN_TOKEN;
}

/** Uses up a node's token and creates its row. The caller issues the certificate. */
export function joinWith(
  deps: Pick<NodeDeps, 'applier' | 'fleet' | 'random'>,
  request: { readonly tokenId: string; readonly tokenSecret: string; readonly nodeName: string; readonly keyHash: string },
  caller?: Attributed,
): Promise<Outcome<NodeRow>> {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(request.nodeName)) {
    return Promise.resolve(
      refused('UNPROCESSABLE_ENTITY', `"${request.nodeName}" is not a valid node name. Use at most 63 letters, digits, "_", "." and "-".`),
    );
  }
  return deps.applier.submit(
    joinNode({
      id: deps.random.uuid() as NodeId,
      name: request.nodeName,
      tokenId: request.tokenId,
      secretHash: hashOf(request.tokenSecret),
      keyHash: request.keyHash,
      isConnected: (id) => deps.fleet.isConnected(id),
    }),
    caller,
  );
}
