import { createHash, X509Certificate } from 'node:crypto';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { nodeUri } from '../../proto/node-service.ts';
import type { NodeId } from '../domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../domain/engine/outcome.ts';

/** The identity in a certificate of the cluster. No other data from the peer can change it. */
export interface Peer {
  readonly nodeId: NodeId;
  /** SHA-256 of the public key, lower-case hex. */
  readonly keyHash: string;
  /** Lower-case hex. */
  readonly certificateSerial: string;
  readonly expiresAtMs: number;
}

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

type AuthenticatedCall = Pick<ServerDuplexStream<Buffer, Buffer>, 'getAuthContext'>;

function isNodeId(name: unknown): name is NodeId {
  return typeof name === 'string' && /^[0-9a-f-]{1,64}$/.test(name);
}

/**
 * Returns the node behind a call. TLS verified the chain, purpose and dates when the connection was
 * opened. This verifies them again on the controller's clock: a connection can outlive them, and
 * the join port does not request a certificate.
 */
export function peerOf(call: AuthenticatedCall, clusterId: string, nowMs: number): Outcome<Peer> {
  const presented = call.getAuthContext().sslPeerCertificate;
  if (presented === undefined) return refused('UNAUTHORIZED', 'This call requires a node certificate.');
  const peer = nodeIn(new X509Certificate(presented.raw), clusterId);
  if (!peer.ok || nowMs <= peer.value.expiresAtMs) return peer;
  return refused('UNAUTHORIZED', `The certificate of this node expired at ${new Date(peer.value.expiresAtMs).toISOString()}.`);
}

/**
 * Returns the node that a certificate names, if the cluster's CA signed it. Verifies neither its
 * dates nor its sender.
 */
export function nodeOfCertificate(der: Uint8Array, ca: X509Certificate, clusterId: string): Outcome<Peer> {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
    if (!certificate.verify(ca.publicKey) || certificate.issuer !== ca.subject) return FOREIGN;
  } catch {
    // The parser throws for malformed certificates and for another type of key than the CA's.
    return FOREIGN;
  }
  return nodeIn(certificate, clusterId);
}

const FOREIGN = refused('UNAUTHORIZED', 'The certificate does not belong to a node of this cluster.');

function nodeIn(certificate: X509Certificate, clusterId: string): Outcome<Peer> {
  const name = /^CN=(.+)$/.exec(certificate.subject)?.[1];
  const usages = certificate.keyUsage ?? [];
  const isForNode =
    usages.length === 1 && usages[0] === CLIENT_AUTH && isNodeId(name) && certificate.subjectAltName === `URI:${nodeUri(clusterId, name)}`;
  if (!isForNode) return FOREIGN;
  return accepted({
    nodeId: name,
    keyHash: createHash('sha256')
      .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
      .digest('hex'),
    certificateSerial: certificate.serialNumber.toLowerCase(),
    expiresAtMs: certificate.validToDate.getTime(),
  });
}
