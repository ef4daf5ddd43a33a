import { Metadata, type StatusObject, status } from '@grpc/grpc-js';
import type { RefusalCode } from '../contract/errors.ts';
import type { Refusal } from '../domain/engine/outcome.ts';

/** The gRPC status of each refusal code. */
export const grpcStatusOf: Readonly<Record<RefusalCode, status>> = {
  BAD_REQUEST: status.INVALID_ARGUMENT,
  UNAUTHORIZED: status.UNAUTHENTICATED,
  FORBIDDEN: status.PERMISSION_DENIED,
  NOT_FOUND: status.NOT_FOUND,
  METHOD_NOT_ALLOWED: status.UNIMPLEMENTED,
  REQUEST_TIMEOUT: status.DEADLINE_EXCEEDED,
  CONFLICT: status.FAILED_PRECONDITION,
  PAYLOAD_TOO_LARGE: status.OUT_OF_RANGE,
  UNSUPPORTED_MEDIA_TYPE: status.INVALID_ARGUMENT,
  UNPROCESSABLE_ENTITY: status.INVALID_ARGUMENT,
  RATE_LIMITED: status.RESOURCE_EXHAUSTED,
  INTERNAL_ERROR: status.INTERNAL,
  UNAVAILABLE: status.UNAVAILABLE,
};

/** gRPC's standard header for the retry delay. */
export const RETRY_AFTER_HEADER = 'grpc-retry-pushback-ms';

export function grpcStatus(refusal: Refusal, retryAfterMs?: number): StatusObject {
  const metadata = new Metadata();
  if (retryAfterMs !== undefined) metadata.set(RETRY_AFTER_HEADER, String(Math.ceil(retryAfterMs)));
  return { code: grpcStatusOf[refusal.code], details: refusal.message, metadata };
}

/** The answer when a handler throws. Reveals nothing internal. */
export const internalStatus: Omit<StatusObject, 'metadata'> = {
  code: status.INTERNAL,
  details: 'The controller failed to process this call. Its log has the details.',
};
