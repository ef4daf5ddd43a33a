import { X509Certificate } from 'node:crypto';
import { challengeMethod, defaultKeepalive, renewMethod } from '../../proto/node-service.ts';
import type { Clock } from '../../seams/clock.ts';
import { openChannel } from '../control/channel.ts';
import { DialError } from '../control/dial-error.ts';
import { unaryCall } from '../control/unary-call.ts';
import type { Identity } from './identity.ts';
import { certificateRequest } from './node-key.ts';

/**
 * `tls`: a valid certificate proves the identity. `join`: it has expired, and a signed challenge
 * proves it.
 */
export type RenewalPath = 'tls' | 'join';

export interface RenewalAnswer {
  readonly certificateDer: Uint8Array;
  /** Remaining validity of the certificate, counted from the request. */
  readonly lifeMs: number;
  readonly nodeAddresses: readonly string[];
  readonly joinAddresses: readonly string[];
  /** The CAs to trust from now on, as DER. Empty: unchanged. */
  readonly caBundle: readonly Uint8Array[];
  /**
   * The controller's wall clock minus this machine's; undefined over TLS, which does not ask for
   * it.
   */
  readonly clockAheadMs: number | undefined;
}

/** Makes one call to one controller; `attempt` selects which. Throws {@link DialError}. */
export async function requestRenewal(
  identity: Identity,
  road: RenewalPath,
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
      const answer = await unaryCall(client, renewMethod, { csrDer, certificateDer: Buffer.alloc(0), takesBundle: true }, limits);
      return { ...answer, clockAheadMs: undefined };
    }
    const { challenge, nowMs } = await unaryCall(client, challengeMethod, {}, limits);
    const clockAheadMs = nowMs - clock.now();
    const csrDer = await certificateRequest(identity.keyPem, challenge);
    const certificateDer = new X509Certificate(identity.certificatePem).raw;
    return { ...(await unaryCall(client, renewMethod, { csrDer, certificateDer, takesBundle: true }, limits)), clockAheadMs };
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
