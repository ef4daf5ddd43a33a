import { NODE_PROTOCOL, shown, type Versions } from '../../../proto/versions.ts';
import type { Clock } from '../../../seams/clock.ts';
import type { DrainObject, NodeObject } from '../../contract/nodes.ts';
import type { FleetNode } from '../../domain/engine/fleet.ts';
import { rfc3339, rfc3339OrNull } from '../../domain/engine/time.ts';
import type { View } from '../../domain/engine/view.ts';
import { leftOn } from '../../domain/nodes/commands/drain-node.ts';
import { VERSION_SKEW } from '../../domain/nodes/commands/node-certificates.ts';
import { type Absence, type NodeHealth, nodeHealth } from '../../domain/nodes/lease.ts';
import type { CertificateFacts, Drain, NodeRow } from '../../domain/nodes/rows.ts';
import { restState } from '../../domain/sessions/life-cycle.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { StreamCondition } from '../fleet/node-stream/node-facts.ts';
import type { NodeAlarms } from './node-alarms.ts';

export interface NodeObjectDeps {
  readonly view: Pick<View, 'unstoppedOn'>;
  readonly fleet: Pick<Fleet, 'stream'>;
  readonly alarms: Pick<NodeAlarms, 'conditions'>;
  readonly directory: Pick<NodeDirectory, 'row'>;
  readonly clock: Clock;
  readonly leaseMs: number;
}

/** Reported by the node, or found here if the node cannot. */
const CERTIFICATE_NOT_RENEWED = 'CertificateNotRenewed';

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
  if (status === 'ready' || status === 'degraded') return [];
  const [condition, since] = status === 'lost' ? [LOST, row?.lostAt] : [UNREACHABLE, row?.unreachableSince];
  return [since == null ? condition : { ...condition, since: rfc3339(since) }];
}

/** 0 means no bound. */
const orNull = (bound: number | undefined): number | null => bound || null;

const reportedConditions = (conditions: readonly Pick<StreamCondition, 'type' | 'message' | 'since'>[]) =>
  conditions.map(({ type, message, since }) => ({ type, message, since: rfc3339(since) }));

const CORDONED = {
  type: 'Cordoned',
  message:
    'An operator cordoned this node: it accepts no new sessions. Its sessions continue, and still wake. Uncordon it to place sessions here again.',
};
const DRAINED = {
  type: 'Drained',
  message: 'This node is drained: no session runs here, and messages to its sessions wait. Uncordon it when you are done.',
};

function scheduling(row: NodeRow | undefined, drain: DrainObject | null): NodeObject['conditions'] {
  if (row?.cordonedAt == null) return [];
  if (drain === null) return [{ ...CORDONED, since: rfc3339(row.cordonedAt) }];
  if (drain.drained_at !== null) return [{ ...DRAINED, since: drain.drained_at }];
  return [{ type: 'Draining', message: drainingMessage(drain), since: drain.started_at }];
}

function drainingMessage({ sessions_left: left, on_deadline, deadline_at }: DrainObject): string {
  const sessions = left === 1 ? '1 session has' : `${left} sessions have`;
  const then =
    on_deadline === 'wait' || deadline_at === null ? 'It waits for busy sessions' : `Busy sessions are interrupted at ${deadline_at}`;
  return `This node is being drained: ${sessions} not stopped. ${then}. Uncordon it to end the drain.`;
}

/** Names the side whose release is older, if the other could use a newer version. */
function versionSkew(spoken: Versions | undefined): NodeObject['conditions'] {
  if (spoken === undefined || spoken.newest === NODE_PROTOCOL.newest) return [];
  const side = spoken.newest < NODE_PROTOCOL.newest ? 'node agent' : 'controller';
  const message = `The node agent speaks ${shown(spoken)}, the controller ${shown(NODE_PROTOCOL)}. They work together. Upgrade the ${side} before the next release.`;
  return [{ type: VERSION_SKEW, message }];
}

/** A node that renews in time never has less of its certificate's life left. */
const LEAST_LEFT = 1 / 3;

/** Not for a node that gives a reason itself. */
function expiry(
  certificate: CertificateFacts | null | undefined,
  reported: readonly Pick<StreamCondition, 'type'>[],
  nowMs: number,
): NodeObject['conditions'] {
  if (certificate == null || reported.some(({ type }) => type === CERTIFICATE_NOT_RENEWED)) return [];
  const { issuedAt, expiresAt } = certificate;
  const dueAt = expiresAt - (expiresAt - issuedAt) * LEAST_LEFT;
  if (nowMs < dueAt) return [];
  const [when, at] = [expiresAt <= nowMs ? 'expired' : 'expires', rfc3339(expiresAt)];
  const message = `The certificate of this node ${when} at ${at}, and the node has not renewed it. Read the node agent's log; a node with an expired certificate renews it once it reaches the join port.`;
  return [{ type: CERTIFICATE_NOT_RENEWED, message, since: rfc3339(Math.round(dueAt)) }];
}

/** Returns the drain of a node, with its progress as of now. */
export function drainObject(view: Pick<View, 'unstoppedOn'>, { id }: Pick<NodeRow, 'id'>, drain: Drain): DrainObject {
  const unstopped = drain.doneAt === null ? view.unstoppedOn(id) : [];
  const byState: Record<string, number> = {};
  for (const { count, ...session } of unstopped) byState[restState(session)] = (byState[restState(session)] ?? 0) + count;
  return {
    status: drain.doneAt === null ? 'draining' : 'drained',
    started_at: rfc3339(drain.since),
    deadline_at: drain.deadlineMs === null ? null : rfc3339(drain.since + drain.deadlineMs),
    on_deadline: drain.onDeadline,
    drained_at: rfc3339OrNull(drain.doneAt),
    sessions_left: leftOn(unstopped),
    sessions_by_state: byState,
  };
}

export function nodeObject({ view, directory, fleet, alarms, leaseMs, clock }: NodeObjectDeps, node: FleetNode): NodeObject {
  const row = directory.row(node.id);
  const status = nodeHealth(row ?? { unreachableSince: null, lostAt: null }, node);
  const most = node.bounds?.most;
  const drain = row?.drain == null ? null : drainObject(view, row, row.drain);
  const stream = fleet.stream(node.id);
  const leftMs = stream?.lease.leftMs();
  const reported = stream?.facts.conditions ?? [];
  return {
    id: node.id,
    name: node.name,
    status,
    labels: row?.labels ?? {},
    schedulable: row?.cordonedAt == null,
    cordoned_at: rfc3339OrNull(row?.cordonedAt ?? null),
    drain,
    driver: row?.driver ?? '',
    version: row?.version ?? '',
    platform: row?.platform ?? null,
    address: row?.address ?? null,
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
    reserved: { cpu: (node.reserved?.cpuMillis ?? 0) / 1000, memory_bytes: node.reserved?.memoryBytes ?? 0 },
    requested: { cpu: node.requested.cpuMillis / 1000, memory_bytes: node.requested.memoryBytes },
    sessions: node.sessions,
    images: [...node.images].sort(),
    lease: { seconds: leaseMs / 1000, expires_at: leftMs === undefined ? null : rfc3339(Math.round(clock.now() + leftMs)) },
    certificate: row?.certificate == null ? null : { expires_at: rfc3339(row.certificate.expiresAt), issuer: row.certificate.issuer },
    conditions: [
      ...absence(status, row),
      ...scheduling(row, drain),
      ...reportedConditions(alarms.conditions(node.id)),
      ...versionSkew(stream?.facts.spoken),
      ...reportedConditions(reported),
      ...expiry(row?.certificate, reported, clock.now()),
    ],
    joined_at: rfc3339(row?.joinedAt ?? 0),
    last_seen_at: node.ready ? rfc3339(clock.now()) : rfc3339OrNull(row?.lastSeenAt ?? null),
    unreachable_since: rfc3339OrNull(row?.unreachableSince ?? null),
    lost_at: rfc3339OrNull(row?.lostAt ?? null),
  };
}
