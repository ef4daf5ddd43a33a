import { createHash, X509Certificate } from 'node:crypto';
import { connect } from 'node:net';
import type { JoinToken } from '../../proto/join-token.ts';
import { challengeMethod, defaultKeepalive } from '../../proto/node-service.ts';
import type { Clock } from '../../seams/clock.ts';
import { messageOf } from '../../seams/message-of.ts';
import { openChannel } from '../control/channel.ts';
import { unaryCall } from '../control/unary-call.ts';
import type { Identity } from '../identity/identity.ts';
import { presentedCa } from '../identity/presented-ca.ts';
import type { Facts, Reach } from './examine.ts';

const CONNECT_MS = 5_000;
const STRANGER = 'another server answers there, or the controller of another cluster';

/** Where the controller is, and how to recognise it. */
export interface ControllerPlace {
  readonly joinAddresses: readonly string[];
  readonly nodeAddresses: readonly string[];
  readonly caHash: string;
}

export const placeInToken = ({ joinAddresses, nodeAddresses, caHash }: JoinToken): ControllerPlace => ({
  joinAddresses,
  nodeAddresses,
  caHash,
});

export const placeOfIdentity = ({ joinAddresses, controllers, caPem }: Identity): ControllerPlace => ({
  joinAddresses,
  nodeAddresses: controllers,
  caHash: createHash('sha256').update(new X509Certificate(caPem).raw).digest('hex'),
});

/** Tries each of the controller's addresses and reads its clock. Uses up no token. */
export async function reachController(place: ControllerPlace, clock: Clock): Promise<NonNullable<Facts['controller']>> {
  let clockAheadMs: number | undefined;
  const joins = place.joinAddresses.map(async (address): Promise<Reach> => {
    try {
      const signal = AbortSignal.timeout(2 * CONNECT_MS);
      const ca = await presentedCa(address, place.caHash, { clock, signal });
      if (ca === undefined) return { address, problem: STRANGER, isStranger: true };
      clockAheadMs = await clockAhead(address, ca.toString(), clock, signal);
      return { address, problem: undefined };
    } catch (error) {
      return { address, problem: messageOf(error) };
    }
  });
  const nodes = place.nodeAddresses.map(async (address) => ({ address, problem: await connectProblem(address) }));
  return { reaches: await Promise.all([...joins, ...nodes]), clockAheadMs };
}

/** The controller's clock minus ours, taken in the middle of the call. */
async function clockAhead(address: string, caPem: string, clock: Clock, signal: AbortSignal): Promise<number | undefined> {
  const client = openChannel(address, { caPem }, defaultKeepalive);
  try {
    const before = clock.now();
    const { nowMs } = await unaryCall(client, challengeMethod, {}, { address, clock, signal });
    return nowMs - (before + clock.now()) / 2;
  } catch (error) {
    // TLS fails if our clock is before the certificate's first day or after its last.
    if (/not yet valid|expired/.test(messageOf(error))) throw new Error(`${messageOf(error)} This host's clock can be wrong.`);
    throw error;
  } finally {
    client.close();
  }
}

function connectProblem(address: string): Promise<string | undefined> {
  const at = address.lastIndexOf(':');
  const socket = connect({ host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)), timeout: CONNECT_MS });
  return new Promise((resolve) => {
    const end = (problem: string | undefined) => {
      socket.destroy();
      resolve(problem);
    };
    socket.once('connect', () => end(undefined));
    socket.once('timeout', () => end(`no answer within ${CONNECT_MS / 1000} s`));
    socket.once('error', (error) => end(messageOf(error)));
  });
}
