import { X509Certificate } from 'node:crypto';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { nodeUri } from '../../proto/node-service.ts';
import type { NodeId } from '../domain/ids.ts';
import { accepted, type Outcome, refused } from '../domain/outcome.ts';

/** Who is at the other end, as the certificate says; nothing that the peer sends can change it. */
export interface Peer {
  readonly nodeId: NodeId;
  /** `address:port` of the connection, for people. */
  readonly address: string;
  /** Lower-case hex. */
  readonly certificateSerial: string;
}

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

type AuthenticatedCall = Pick<ServerDuplexStream<Buffer, Buffer>, 'getAuthContext' | 'getPeer'>;

function isNodeId(name: unknown): name is NodeId {
  return typeof name === 'string' && /^[0-9a-f-]{1,64}$/.test(name);
}

/**
 * The node behind a call. TLS has checked the chain, the purpose and the dates when the connection was made; they are judged
 * again here, by the controller's clock, since a connection outlives them, and since a call may come over the port that asks for no certificate.
 */
export function peerOf(call: AuthenticatedCall, clusterId: string, nowMs: number): Outcome<Peer> {
  const presented = call.getAuthContext().sslPeerCertificate;
  if (presented === undefined) return refused('UNAUTHORIZED', 'This call needs the certificate of a node.');
  const certificate = new X509Certificate(presented.raw);
  if (nowMs > certificate.validToDate.getTime()) return refused('UNAUTHORIZED', 'The certificate of this node has expired.');
  const name: unknown = presented.subject.CN;
  const usages = certificate.keyUsage ?? [];
  const isForNode =
    usages.length === 1 && usages[0] === CLIENT_AUTH && isNodeId(name) && certificate.subjectAltName === `URI:${nodeUri(clusterId, name)}`;
  if (!isForNode) return refused('UNAUTHORIZED', 'This is not the certificate of a node of this cluster.');
  return accepted({ nodeId: name, address: call.getPeer(), certificateSerial: certificate.serialNumber.toLowerCase() });
}
