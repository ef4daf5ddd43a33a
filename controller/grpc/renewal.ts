import type { ChallengeResponse } from '../../proto/generated/raworc/node/v0/ChallengeResponse.ts';
import type { RenewRequest__Output } from '../../proto/generated/raworc/node/v0/RenewRequest.ts';
import type { RenewResponse } from '../../proto/generated/raworc/node/v0/RenewResponse.ts';
import { MAX_CSR_BYTES } from '../../proto/node-service.ts';
import type { Clock } from '../../seams/clock.ts';
import type { LogFields } from '../../seams/log.ts';
import type { Random } from '../../seams/random.ts';
import type { NodeId } from '../domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../domain/engine/outcome.ts';
import { Admission, AdmissionOfEach, type AdmissionRate } from './admission.ts';
import type { Authority } from './authority.ts';
import { Challenges } from './challenges.ts';
import { nodeOfCertificate, type Peer } from './peer.ts';

/**
 * Rate for all nodes, on each of the two ports. After a day without a controller, every certificate
 * of a large cluster can have expired.
 */
const RATE: AdmissionRate = { perSecond: 32, burst: 128 };
const RATE_OF_ONE: AdmissionRate = { perSecond: 1, burst: 10 };

export interface RenewedCertificate {
  readonly certificateDer: Uint8Array;
  /** Remaining validity. A node with a wrong clock can count it, but could not judge a date. */
  readonly lifeMs: number;
  /** The CAs to trust from now on, as DER; empty for a node that cannot take them. */
  readonly caBundle: readonly Buffer[];
  /** The cluster's current addresses. */
  readonly nodeAddresses: readonly string[];
  readonly joinAddresses: readonly string[];
}

export interface RenewalDeps {
  readonly authority: Authority;
  readonly clock: Clock;
  readonly random: Random;
  readonly rate: AdmissionRate | undefined;
  /**
   * Issues a certificate to a node that proved to have the key of one that the CA signed, even if
   * that has expired.
   */
  renew(node: Peer, csrDer: Uint8Array, address: string, takesBundle: boolean): Promise<Outcome<RenewedCertificate>>;
  /** Logs a refusal, within a rate. */
  logRefusal(fields: LogFields): void;
}

/**
 * The two calls that renew a node's certificate.
 *
 * 1. With a client certificate that TLS accepted, the connection proves the caller.
 * 2. TLS refuses expired certificates. On the join port, the request therefore contains the
 *    certificate, and the certificate request, signed by the same key, a challenge of the last
 *    minute.
 * 3. A new certificate is for the same key as the old one, so a crash on either side leaves the
 *    node with a matching pair.
 */
export interface Renewal {
  /** `node` is the connection's authenticated node; undefined on the join port. */
  renew(request: RenewRequest__Output, address: string, node: Peer | undefined): Promise<Outcome<RenewResponse>>;
  challenge(): ChallengeResponse;
}

export function createRenewal(deps: RenewalDeps): Renewal {
  const { authority, clock } = deps;
  const challenges = new Challenges(clock, deps.random);
  const rate = deps.rate ?? RATE;
  const overTls = new Admission(rate, clock);
  const overJoin = new Admission(rate, clock);
  const ofNode = new AdmissionOfEach<NodeId>(RATE_OF_ONE, clock);
  const busy = refused('RATE_LIMITED', 'Too many nodes are renewing their certificates at once. Retry later.');

  const isTooOften = (nodeId: NodeId): boolean => ofNode.enter(nodeId) !== undefined;

  const prove = async ({ csrDer, certificateDer }: RenewRequest__Output, peer: Peer | undefined): Promise<Outcome<Peer>> => {
    if (csrDer.byteLength > MAX_CSR_BYTES || certificateDer.byteLength > MAX_CSR_BYTES) {
      return refused('BAD_REQUEST', 'A field of the renewal request is too long.');
    }
    if (peer !== undefined && isTooOften(peer.nodeId)) return busy;
    // Verify before counting: otherwise strangers could exhaust the rate and lock out every node.
    // This costs about as much as the call itself.
    const node = peer === undefined ? nodeOfCertificate(certificateDer, authority) : accepted(peer);
    if (!node.ok) return node;
    if ((peer === undefined ? overJoin : overTls).enter() !== undefined) return busy;
    const proof = await authority.keyProof(csrDer);
    if (!proof.ok) return proof;
    const { keyHash, challenge } = proof.value;
    if (peer === undefined && (challenge === undefined || !challenges.isFresh(challenge))) {
      return refused('UNAUTHORIZED', 'The challenge in the renewal request is invalid or expired. Request a new one and retry.');
    }
    if (node.value.keyHash !== keyHash)
      return refused('UNAUTHORIZED', 'The renewal request has another key than the certificate. Renew with the same key.');
    if (peer === undefined && isTooOften(node.value.nodeId)) return busy;
    return node;
  };

  return {
    async renew(request, address, peer) {
      const node = await prove(request, peer);
      const renewed = node.ok ? await deps.renew(node.value, request.csrDer, address, request.takesBundle) : node;
      if (!renewed.ok) {
        const about = node.ok ? { node: node.value.nodeId, expires_at_ms: node.value.expiresAtMs } : {};
        deps.logRefusal({ method: 'Renew', peer: address, ...about, reason: renewed.refusal.message });
        return renewed;
      }
      const { nodeAddresses, joinAddresses, caBundle, ...certificate } = renewed.value;
      return accepted({ ...certificate, nodeAddresses: [...nodeAddresses], joinAddresses: [...joinAddresses], caBundle: [...caBundle] });
    },
    challenge: () => ({ challenge: challenges.make(), nowMs: clock.now() }),
  };
}
