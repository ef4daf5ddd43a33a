/**
 * The node protocol beyond its messages: methods, names in certificates, limits of the transport.
 */
import type { ChannelOptions } from '@grpc/grpc-js';
import { packageDefinition } from './codec.ts';
import type { NodeProtocolDefinition } from './generated/raworc/node/v0/NodeProtocol.ts';

/** The name in every controller's server certificate. Nodes verify it on every address. */
export const CONTROLLER_NAME = 'controller.raworc.internal';

/**
 * Header of a refusal. Its value is the id of the node that was removed: its node agent stops its
 * sessions.
 */
export const REMOVED_HEADER = 'raworc-removed-node';

/** The URI in a node's certificate. */
export const nodeUri = (clusterId: string, nodeId: string): string => `raworc://${clusterId}/node/${nodeId}`;

/** Largest message in either direction. */
export const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;

/** Longest certificate signing request that is read. */
export const MAX_CSR_BYTES = 8 * 1024;

/**
 * How far `notBefore` lies in the past, so that hosts whose clocks are slightly behind accept a new
 * certificate. A node subtracts it when it computes half of a certificate's life.
 */
export const CERTIFICATE_BACKDATE_MS = 60 * 60_000;

/** A silent peer (stopped, unplugged) counts as lost after at most the sum of both. */
export interface Keepalive {
  readonly everyMs: number;
  readonly timeoutMs: number;
}
export const defaultKeepalive: Keepalive = { everyMs: 10_000, timeoutMs: 5_000 };

export function transportOptions(keepalive: Keepalive): ChannelOptions {
  return {
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc.keepalive_time_ms': keepalive.everyMs,
    'grpc.keepalive_timeout_ms': keepalive.timeoutMs,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.enable_channelz': 0,
  };
}

const bytes = { serialize: (value: Buffer): Buffer => value, deserialize: (value: Buffer): Buffer => value };

function isNodeProtocol(definition: unknown): definition is NodeProtocolDefinition {
  return (
    typeof definition === 'object' &&
    definition !== null &&
    ['Join', 'Connect', 'FetchSource', 'PutSource', 'Renew', 'Challenge', 'ByteStream', 'Registry'].every((method) => method in definition)
  );
}

const service = packageDefinition['raworc.node.v0.NodeProtocol'];
if (!isNodeProtocol(service)) throw new Error('the descriptor lacks the node protocol');

export const joinMethod = service.Join;
export const renewMethod = service.Renew;
export const challengeMethod = service.Challenge;
export const fetchSourceMethod = service.FetchSource;
export const putSourceMethod = service.PutSource;
/** Carries bytes: the link at each end encodes frames itself, because it counts them. */
export const connectMethod = { path: service.Connect.path, ...bytes };
export const byteStreamMethod = { path: service.ByteStream.path, ...bytes };
export const registryMethod = service.Registry;
