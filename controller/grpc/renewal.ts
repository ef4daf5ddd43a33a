/** The two calls by which a node gets a new certificate over its key: Renew, and Challenge before it where TLS proves nothing. */
import { X509Certificate } from 'node:crypto';
import type { Server, ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import type { ChallengeRequest__Output } from '../../proto/generated/raworc/node/v0/ChallengeRequest.ts';
import type { ChallengeResponse } from '../../proto/generated/raworc/node/v0/ChallengeResponse.ts';
import type { RenewRequest__Output } from '../../proto/generated/raworc/node/v0/RenewRequest.ts';
import type { RenewResponse } from '../../proto/generated/raworc/node/v0/RenewResponse.ts';
import { challengeMethod, MAX_CSR_BYTES, renewMethod } from '../../proto/node-service.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Log, LogFields } from '../../seams/log.ts';
import type { Random } from '../../seams/random.ts';
import type { NodeId } from '../domain/ids.ts';
import { accepted, type Outcome, refused } from '../domain/outcome.ts';
import { Admission, AdmissionOfEach, type AdmissionRate } from './admission.ts';
import type { Authority } from './authority.ts';
import { Challenges } from './challenges.ts';
import { grpcStatus, internalStatus } from './errors.ts';
import { nodeOfCertificate, type Peer, peerOf } from './peer.ts';

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
  readonly log: Log;
  readonly rate: AdmissionRate | undefined;
  /** A certificate for a node that proved to hold the key of one that the CA signed, whatever its dates. */
  renew(node: Peer, csrDer: Uint8Array): Promise<Outcome<RenewedCertificate>>;
  /** A call came over this connection. */
  spoke(peer: string): void;
  /** Logs a refusal, unless there were too many lately. */
  tellRefusal(fields: LogFields): void;
}

/**
 * Registers both calls.
 *
 * 1. With a client certificate that TLS accepted, the connection proves who asks.
 * 2. TLS refuses a certificate that has expired. So over the join port, the request carries the certificate, and the certificate
 *    request, signed by the same key, carries a challenge of the last minute.
 * 3. The key stays: a new certificate is for the key of the old one. A crash on either side then leaves the node a certificate that fits.
 */
export function registerRenewal(server: Server, deps: RenewalDeps): void {
  const { authority, clock, log } = deps;
  const challenges = new Challenges(clock, deps.random);
  const ca = new X509Certificate(authority.caPem);
  const rate = deps.rate ?? RATE;
  const overTls = new Admission(rate, clock);
  const overJoin = new Admission(rate, clock);
  const ofNode = new AdmissionOfEach<NodeId>(RATE_OF_ONE, clock);
  const busy = refused('RATE_LIMITED', 'Too many nodes renew their certificates at once; try again a little later.');

  const isTooOften = (nodeId: NodeId): boolean => ofNode.enter(nodeId) !== undefined;

  const prove = async (call: ServerUnaryCall<RenewRequest__Output, RenewResponse>): Promise<Outcome<Peer>> => {
    const { csrDer, certificateDer } = call.request;
    const isOverTls = call.getAuthContext().sslPeerCertificate !== undefined;
    if (csrDer.byteLength > MAX_CSR_BYTES || certificateDer.byteLength > MAX_CSR_BYTES) {
      return refused('BAD_REQUEST', 'A field of the renewal request is too long.');
    }
    // Before it is counted, which strangers could do often enough to keep every node out. It costs about what the call itself does.
    const node = isOverTls ? peerOf(call, authority.clusterId, clock.now()) : nodeOfCertificate(certificateDer, ca, authority.clusterId);
    if (!node.ok) return node;
    if (isOverTls && isTooOften(node.value.nodeId)) return busy;
    if ((isOverTls ? overTls : overJoin).enter() !== undefined) return busy;
    const proof = await authority.keyProof(csrDer);
    if (!proof.ok) return proof;
    const { keyHash, challenge } = proof.value;
    if (!isOverTls && (challenge === undefined || !challenges.isFresh(challenge))) {
      return refused('UNAUTHORIZED', 'The renewal request does not answer a challenge of the last minute.');
    }
    if (node.value.keyHash !== keyHash) return refused('UNAUTHORIZED', 'A certificate is renewed for its own key only.');
    if (!isOverTls && isTooOften(node.value.nodeId)) return busy;
    return node;
  };

  const renew = async (call: ServerUnaryCall<RenewRequest__Output, RenewResponse>): Promise<Outcome<RenewResponse>> => {
    const address = call.getPeer();
    deps.spoke(address);
    const node = await prove(call);
    const renewed = node.ok ? await deps.renew(node.value, call.request.csrDer) : node;
    if (!renewed.ok) {
      const about = node.ok ? { node: node.value.nodeId, expires_at_ms: node.value.expiresAtMs } : {};
      deps.tellRefusal({ method: 'Renew', peer: address, ...about, reason: renewed.refusal.message });
      return renewed;
    }
    const { nodeAddresses, joinAddresses, ...certificate } = renewed.value;
    return accepted({ ...certificate, nodeAddresses: [...nodeAddresses], joinAddresses: [...joinAddresses] });
  };

  server.register(
    renewMethod.path,
    (call: ServerUnaryCall<RenewRequest__Output, RenewResponse>, answer: sendUnaryData<RenewResponse>) => {
      renew(call).then(
        (outcome) => (outcome.ok ? answer(null, outcome.value) : answer(grpcStatus(outcome.refusal))),
        (error: unknown) => {
          log.error('link.handler_failed', { method: 'Renew', error: String(error) });
          answer(internalStatus);
        },
      );
    },
    renewMethod.responseSerialize,
    renewMethod.requestDeserialize,
    'unary',
  );
  server.register(
    challengeMethod.path,
    (call: ServerUnaryCall<ChallengeRequest__Output, ChallengeResponse>, answer: sendUnaryData<ChallengeResponse>) => {
      deps.spoke(call.getPeer());
      answer(null, { challenge: challenges.make(), nowMs: clock.now() });
    },
    challengeMethod.responseSerialize,
    challengeMethod.requestDeserialize,
    'unary',
  );
}
