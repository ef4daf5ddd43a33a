import { type Client, type ServiceError, status } from '@grpc/grpc-js';
import type { Clock } from '../../seams/clock.ts';
import { DialError, dialError } from './dial-error.ts';

const CALL_TIMEOUT_MS = 15_000;

interface UnaryMethod<Request, Answer> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Answer;
}

export interface CallLimits {
  /** Named in error messages. */
  readonly address: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Calls a method once, within a time limit. Rejects with {@link DialError}, or with the signal's
 * reason.
 */
export function unaryCall<Request, Answer>(
  client: Client,
  { path, requestSerialize, responseDeserialize }: UnaryMethod<Request, Answer>,
  request: Request,
  { address, clock, signal }: CallLimits,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const call = client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) => {
      timer.cancel();
      signal.removeEventListener('abort', cancel);
      if (signal.aborted) reject(signal.reason);
      else if (error !== null) reject(faultOf(address, error));
      else if (answer === undefined) reject(new DialError('unreachable', `The controller at ${address} gave no answer.`));
      else resolve(answer);
    });
    const cancel = () => call.cancel();
    const timer = clock.after(CALL_TIMEOUT_MS, cancel);
    signal.addEventListener('abort', cancel);
  });
}

/** Only the time limit cancels a call whose signal did not abort. */
function faultOf(address: string, error: ServiceError): DialError {
  if (error.code !== status.CANCELLED) return dialError(address, error);
  return new DialError('unreachable', `The controller at ${address} did not answer within ${CALL_TIMEOUT_MS / 1000} s.`);
}
