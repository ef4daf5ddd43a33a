import { type ServiceError, status } from '@grpc/grpc-js';
import { REMOVED_HEADER } from '../../proto/node-service.ts';
import { connectionProblem } from './channel.ts';

/** Why a call to the controller failed. The message is one sentence for the operator. */
export class DialError extends Error {
  override readonly name = 'DialError';
  /**
   * `handshake`: TLS ended the connection, as it does for a certificate that the controller
   * refuses. `removed`: the controller removed this node.
   */
  readonly code: 'unreachable' | 'handshake' | 'refused' | 'removed' | 'busy' | 'expired';
  /** Delay that a busy controller asks for. */
  readonly retryAfterMs: number | undefined;

  constructor(code: DialError['code'], message: string, retryAfterMs?: number) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * The library's message for a connection that ended before HTTP/2 began. It contains a varying
 * time.
 */
const ENDED_EARLY = /^Failed to connect(?: \(.*\))?$/;

export function dialError(address: string, error: ServiceError): DialError {
  if (error.code === status.RESOURCE_EXHAUSTED) {
    const retryAfterMs = Number(error.metadata.get('grpc-retry-pushback-ms')[0] ?? Number.NaN);
    return new DialError('busy', error.details, Number.isFinite(retryAfterMs) ? retryAfterMs : undefined);
  }
  if (error.code === status.UNAVAILABLE) {
    const problem = connectionProblem(error.details);
    if (ENDED_EARLY.test(problem)) {
      return new DialError('handshake', `The controller at ${address} ended the connection in the TLS handshake.`);
    }
    return new DialError('unreachable', clockProblem(address, problem) ?? `The controller at ${address} cannot be reached: ${problem}`);
  }
  // Only a controller whose certificate TLS has verified can send it.
  const isRemoved = error.code === status.PERMISSION_DENIED && error.metadata.get(REMOVED_HEADER).length > 0;
  return new DialError(isRemoved ? 'removed' : 'refused', `The controller at ${address} refused: ${error.details}`);
}

/** Returns what to do if the controller's certificate is outside its dates: usually a wrong clock. */
function clockProblem(address: string, problem: string): string | undefined {
  const remedy = 'Check the clocks of this host and of the controller with `date`, and synchronize them, for example with chrony.';
  if (/certificate is not yet valid/.test(problem))
    return `By this host's clock, the certificate of the controller at ${address} is not valid yet: the clock is behind. ${remedy}`;
  if (/certificate has expired/.test(problem))
    return `By this host's clock, the certificate of the controller at ${address} has expired. ${remedy}`;
  return undefined;
}
