import { X509Certificate } from 'node:crypto';
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

/** Of all nodes, on each of the two ports apart. A day without a controller may leave every certificate of a large cluster expired. */
const RATE: AdmissionRate = { perSecond: 32, burst: 128 };
const RATE_OF_ONE: AdmissionRate = { perSecond: 1, burst: 10 };

export interface RenewedCertificate {
  readonly certificateDer: Uint8Array;
  /** How long it is valid from now on: a node whose clock is wrong can count it, where it could not judge a date. */
  readonly lifeMs: number;
  /** Where this cluster is to be reached from now on. */
  readonly nodeAddresses: readonly string[];
  readonly joinAddresses: readonly string[];
}

export interface RenewalDeps {
  readonly authority: Authority;
  readonly clock: Clock;
  readonly random: Random;
  readonly rate: AdmissionRate | undefined;
  /** A certificate for a node that proved to hold the key of one that the CA signed, whatever its dates. */
  renew(node: Peer, csrDer: Uint8Array, address: string): Promise<Outcome<RenewedCertificate>>;
  /** Logs a refusal, unless there were too many lately. */
  tellRefusal(fields: LogFields): void;
}

/**
 * The two calls by which a node gets a new certificate.
 *
 * 1. With a client certificate that TLS accepted, the connection proves who asks.
 * 2. TLS refuses a certificate that has expired. So over the join port, the request carries the certificate, and the certificate
 *    request, signed by the same key, carries a challenge of the last minute.
 * 3. The key stays: a new certificate is for the key of the old one. A crash on either side then leaves the node a certificate that fits.
 */
export interface Renewal {
  /** `node`: whom the certificate of the connection names; undefined on the join port. */
  renew(request: RenewRequest__Output, address: string, node: Peer | undefined): Promise<Outcome<RenewResponse>>;
  challenge(): ChallengeResponse;
}

export function createRenewal(deps: RenewalDeps): Renewal {
  const { authority, clock } = deps;
  const challenges = new Challenges(clock, deps.random);
  const ca = new X509Certificate(authority.caPem);
  const rate = deps.rate ?? RATE;
  const overTls = new Admission(rate, clock);
  const overJoin = new Admission(rate, clock);
  const ofNode = new AdmissionOfEach<NodeId>(RATE_OF_ONE, clock);
  const busy = refused('RATE_LIMITED', 'Too many nodes renew their certificates at once; try again a little later.');

  const isTooOften = (nodeId: NodeId): boolean => ofNode.enter(nodeId) !== undefined;

  const prove = async ({ csrDer, certificateDer }: RenewRequest__Output, peer: Peer | undefined): Promise<Outcome<Peer>> => {
    if (csrDer.byteLength > MAX_CSR_BYTES || certificateDer.byteLength > MAX_CSR_BYTES) {
      return refused('BAD_REQUEST', 'A field of the renewal request is too long.');
    }
    if (peer !== undefined && isTooOften(peer.nodeId)) return busy;
    // Before it is counted, which strangers could do often enough to keep every node out. It costs about what the call itself does.
    const node = peer === undefined ? nodeOfCertificate(certificateDer, ca, authority.clusterId) : accepted(peer);
    if (!node.ok) return node;
    if ((peer === undefined ? overJoin : overTls).enter() !== undefined) return busy;
    const proof = await authority.keyProof(csrDer);
    if (!proof.ok) return proof;
    const { keyHash, challenge } = proof.value;
    if (peer === undefined && (challenge === undefined || !challenges.isFresh(challenge))) {
      return refused('UNAUTHORIZED', 'The renewal request does not answer a challenge of the last minute.');
    }
    if (node.value.keyHash !== keyHash) return refused('UNAUTHORIZED', 'A certificate is renewed for its own key only.');
    if (peer === undefined && isTooOften(node.value.nodeId)) return busy;
    return node;
  };

  return {
    async renew(request, address, peer) {
      const node = await prove(request, peer);
      const renewed = node.ok ? await deps.renew(node.value, request.csrDer, address) : node;
      if (!renewed.ok) {
        const about = node.ok ? { node: node.value.nodeId, expires_at_ms: node.value.expiresAtMs } : {};
        deps.tellRefusal({ method: 'Renew', peer: address, ...about, reason: renewed.refusal.message });
        return renewed;
      }
      const { nodeAddresses, joinAddresses, ...certificate } = renewed.value;
      return accepted({ ...certificate, nodeAddresses: [...nodeAddresses], joinAddresses: [...joinAddresses] });
    },
    challenge: () => ({ challenge: challenges.make(), nowMs: clock.now() }),
  };
}
