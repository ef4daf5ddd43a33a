import { X509Certificate } from 'node:crypto';
import type { Client, ServiceError } from '@grpc/grpc-js';
import type { ChallengeResponse__Output } from '../../proto/generated/raworc/node/v0/ChallengeResponse.ts';
import type { RenewResponse__Output } from '../../proto/generated/raworc/node/v0/RenewResponse.ts';
import { challengeMethod, defaultKeepalive, renewMethod } from '../../proto/node-service.ts';
import type { Clock } from '../../seams/clock.ts';
import { openChannel } from '../control/channel.ts';
import { DialError, dialError } from '../control/dial-error.ts';
import type { Identity } from './identity.ts';
import { certificateRequest } from './node-key.ts';

const CALL_TIMEOUT_MS = 15_000;

/**
 * `tls`: a valid certificate proves the identity. `join`: it has expired, and a signed challenge
 * proves it.
 */
export type RenewalRoad = 'tls' | 'join';

export interface RenewalAnswer {
  readonly certificateDer: Uint8Array;
  /** Remaining validity of the certificate, counted from the request. */
  readonly lifeMs: number;
  readonly nodeAddresses: readonly string[];
  readonly joinAddresses: readonly string[];
  /**
   * The controller's wall clock minus this machine's; undefined over TLS, which does not ask for
   * it.
   */
  readonly clockAheadMs: number | undefined;
}

/** Makes one call to one controller; `attempt` selects which. Throws {@link DialError}. */
export async function requestRenewal(
  identity: Identity,
  road: RenewalRoad,
  attempt: number,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<RenewalAnswer> {
  const addresses = road === 'tls' ? identity.controllers : joinAddressesOf(identity);
  const address = addresses[attempt % addresses.length];
  if (address === undefined)
    throw new DialError('unreachable', 'This node has no controller address. Join the cluster again with a new token.');
  const trust = road === 'tls' ? { caPem: identity.caPem, own: identity } : { caPem: identity.caPem };
  const client = openChannel(address, trust, defaultKeepalive);
  const limits = { address, clock, signal };
  try {
    if (road === 'tls') {
      const csrDer = await certificateRequest(identity.keyPem);
      return { ...(await renew(client, { csrDer, certificateDer: Buffer.alloc(0) }, limits)), clockAheadMs: undefined };
    }
    const { challenge, nowMs } = await call<ChallengeResponse__Output>(limits, (done) =>
      client.makeUnaryRequest(challengeMethod.path, challengeMethod.requestSerialize, challengeMethod.responseDeserialize, {}, done),
    );
    const clockAheadMs = nowMs - clock.now();
    const csrDer = await certificateRequest(identity.keyPem, challenge);
    const certificateDer = new X509Certificate(identity.certificatePem).raw;
    return { ...(await renew(client, { csrDer, certificateDer }, limits)), clockAheadMs };
  } finally {
    client.close();
  }
}

/**
 * A node that joined before these addresses were stored uses the default: one port above the node
 * port.
 */
function joinAddressesOf({ joinAddresses, controllers }: Identity): readonly string[] {
  if (joinAddresses.length > 0) return joinAddresses;
  return controllers.map((address) => {
    const at = address.lastIndexOf(':');
    return `${address.slice(0, at)}:${Number(address.slice(at + 1)) + 1}`;
  });
}

interface CallLimits {
  readonly address: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

function renew(client: Client, request: { csrDer: Buffer; certificateDer: Buffer }, limits: CallLimits): Promise<RenewResponse__Output> {
  const { path, requestSerialize, responseDeserialize } = renewMethod;
  return call(limits, (done) => client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, done));
}

function call<Answer>(
  { address, clock, signal }: CallLimits,
  begin: (done: (error: ServiceError | null, answer?: Answer) => void) => { cancel(): void },
): Promise<Answer> {
  return new Promise<Answer>((resolve, reject) => {
    signal.throwIfAborted();
    let late = false;
    const running = begin((error, answer) => {
      timer.cancel();
      signal.removeEventListener('abort', cancel);
      if (signal.aborted) reject(signal.reason);
      else if (late)
        reject(new DialError('unreachable', `The controller at ${address} did not answer within ${CALL_TIMEOUT_MS / 1000} s.`));
      else if (error !== null) reject(dialError(address, error));
      else if (answer === undefined) reject(new DialError('unreachable', `The controller at ${address} did not answer.`));
      else resolve(answer);
    });
    const cancel = () => running.cancel();
    const timer = clock.after(CALL_TIMEOUT_MS, () => {
      late = true;
      cancel();
    });
    signal.addEventListener('abort', cancel);
  });
}
