import type { ControllerFrame } from '../../../../proto/frame.ts';
import type { Hello__Output } from '../../../../proto/generated/raworc/node/v0/Hello.ts';
import { commonVersion, NODE_PROTOCOL, versionGap, versionsOf } from '../../../../proto/versions.ts';
import type { NodeId } from '../../../domain/engine/ids.ts';
import { type Alarm, certificateAlarm, certificateFault, VERSION_SKEW } from '../../../domain/nodes/commands/node-certificates.ts';
import type { NodeRow } from '../../../domain/nodes/rows.ts';
import type { StreamDeps } from './deps.ts';

export interface HelloFault {
  readonly reason: string;
  /** Alarm for the operator. */
  readonly alarm?: Alarm;
}

export interface Expected {
  /** Undefined if no such node has joined, as far as this store knows. */
  readonly row: NodeRow | undefined;
  readonly name: string;
  /** Of the link's certificate; undefined for links without one. */
  readonly keyHash: string | undefined;
  readonly clusterId: string;
  readonly epoch: number;
}

/** Returns why a hello is rejected, or undefined. */
export function helloFault(hello: Hello__Output, { row, name, keyHash, clusterId, epoch }: Expected): HelloFault | undefined {
  const spoken = versionsOf(hello);
  if (commonVersion(spoken, NODE_PROTOCOL) === undefined) {
    const reason = versionGap(spoken, NODE_PROTOCOL);
    return { reason, alarm: { type: VERSION_SKEW, message: reason } };
  }
  if (hello.clusterId !== clusterId) return { reason: 'the node belongs to another cluster: join it to this one with a new token' };
  // The node knows an earlier epoch of this store, so it can have joined after the backup.
  const knewMore = hello.epoch > 0 && hello.epoch < epoch;
  // The row of a node that joined in this epoch is current, so an older key proves nothing.
  const isOfThisLife = row !== undefined && row.joinedAt >= epoch * 1000;
  const mayBeNewer = knewMore && !isOfThisLife && hello.incarnation > (row?.incarnation ?? -1);
  const isRemoved = row !== undefined && row.revokedAt !== null;
  const fault = isRemoved ? 'revoked' : keyHash === undefined ? undefined : certificateFault(row, keyHash);
  if (fault !== undefined && (fault === 'revoked' || !mayBeNewer)) {
    const alarm = certificateAlarm(fault, name);
    return { reason: alarm.message, alarm };
  }
  if (row === undefined && !knewMore) return { reason: 'no such node has joined this cluster: join it with a new token' };
  if (row !== undefined && (hello.incarnation < row.incarnation || (hello.incarnation > row.incarnation && !knewMore)))
    return { reason: 'the node has joined again since, so this identity is outdated: join it with a new token' };
  return undefined;
}

export const welcome = (nodeId: NodeId, protocolVersion: number, { lease, version, clusterId, epoch }: StreamDeps): ControllerFrame => ({
  kind: 'welcome',
  value: {
    protocolVersion,
    controllerVersion: version,
    clusterId,
    epoch,
    leaseMs: lease.leaseMs,
    heartbeatMs: lease.heartbeatMs,
    nodeId,
  },
});
