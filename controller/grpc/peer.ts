import { createHash, X509Certificate } from 'node:crypto';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { CERTIFICATE_BACKDATE_MS, nodeUri } from '../../proto/node-service.ts';
import type { NodeId } from '../domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../domain/engine/outcome.ts';
import type { CertificateFacts } from '../domain/nodes/rows.ts';

/** The identity in a certificate of the cluster. No other data from the peer can change it. */
export interface Peer {
  readonly nodeId: NodeId;
  /** SHA-256 of the public key, lower-case hex. */
  readonly keyHash: string;
  /** Lower-case hex. */
  readonly certificateSerial: string;
  readonly expiresAtMs: number;
  readonly certificate: CertificateFacts;
}

/** A CA whose certificates are accepted. */
export interface TrustedCa {
  readonly certificate: X509Certificate;
  /** SHA-256 of the DER, lower-case hex. */
  readonly hash: string;
}

/** What decides whether a certificate is of this cluster. */
export interface Trust {
  readonly clusterId: string;
  readonly trusted: readonly TrustedCa[];
}

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

type AuthenticatedCall = Pick<ServerDuplexStream<Buffer, Buffer>, 'getAuthContext'>;

function isNodeId(name: unknown): name is NodeId {
  return typeof name === 'string' && /^[0-9a-f-]{1,64}$/.test(name);
}

/**
 * Returns the node behind a call. TLS verified the chain, purpose and dates when the connection was
 * opened. This verifies them again, on the controller's clock: a connection can outlive the
 * certificate and its CA, and the join port does not request a certificate.
 */
export function peerOf(call: AuthenticatedCall, trust: Trust, nowMs: number): Outcome<Peer> {
  const presented = call.getAuthContext().sslPeerCertificate;
  if (presented === undefined) return refused('UNAUTHORIZED', 'This call requires a node certificate.');
  const peer = nodeOfCertificate(presented.raw, trust);
  if (!peer.ok || nowMs <= peer.value.expiresAtMs) return peer;
  return refused('UNAUTHORIZED', `The certificate of this node expired at ${new Date(peer.value.expiresAtMs).toISOString()}.`);
}

/** Certificates that were found to be of the cluster, for as long as the same CAs are trusted. */
const known = new WeakMap<readonly TrustedCa[], Map<string, Outcome<Peer>>>();
const MAX_KNOWN = 2048;

/**
 * Returns the node that a certificate names, if a CA of the cluster signed it. Verifies neither its
 * dates nor its sender. Each byte stream asks, so a certificate is verified once.
 */
export function nodeOfCertificate(der: Uint8Array, trust: Trust): Outcome<Peer> {
  const { clusterId, trusted } = trust;
  const found = known.get(trusted) ?? new Map<string, Outcome<Peer>>();
  const key = `${clusterId} ${Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('latin1')}`;
  const earlier = found.get(key);
  if (earlier !== undefined) return earlier;
  const peer = verified(der, trust);
  if (!peer.ok) return peer;
  if (found.size >= MAX_KNOWN) found.clear();
  known.set(trusted, found.set(key, peer));
  return peer;
}

function verified(der: Uint8Array, { clusterId, trusted }: Trust): Outcome<Peer> {
  try {
    const certificate = new X509Certificate(der);
    const issuer = trusted.find(({ certificate: ca }) => certificate.issuer === ca.subject && certificate.verify(ca.publicKey));
    return issuer === undefined ? FOREIGN : nodeIn(certificate, issuer.hash, clusterId);
  } catch {
    // The parser throws for malformed certificates and for another type of key than the CA's.
    return FOREIGN;
  }
}

const FOREIGN = refused('UNAUTHORIZED', 'The certificate does not belong to a node of this cluster.');

function nodeIn(certificate: X509Certificate, issuer: string, clusterId: string): Outcome<Peer> {
  const name = /^CN=(.+)$/.exec(certificate.subject)?.[1];
  const usages = certificate.keyUsage ?? [];
  const isForNode =
    usages.length === 1 && usages[0] === CLIENT_AUTH && isNodeId(name) && certificate.subjectAltName === `URI:${nodeUri(clusterId, name)}`;
  if (!isForNode) return FOREIGN;
  const expiresAtMs = certificate.validToDate.getTime();
  return accepted({
    nodeId: name,
    keyHash: createHash('sha256')
      .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
      .digest('hex'),
    certificateSerial: certificate.serialNumber.toLowerCase(),
    expiresAtMs,
    certificate: { issuedAt: certificate.validFromDate.getTime() + CERTIFICATE_BACKDATE_MS, expiresAt: expiresAtMs, issuer },
  });
}
