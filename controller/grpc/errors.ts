import { Metadata, type StatusObject, status } from '@grpc/grpc-js';
import type { RefusalCode } from '../contract/errors.ts';
import type { Refusal } from '../domain/engine/outcome.ts';

/** How each refusal of the domain is called on the node protocol. */
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

/** gRPC's own way of saying when to come back. */
export const RETRY_AFTER_HEADER = 'grpc-retry-pushback-ms';

export function grpcStatus(refusal: Refusal, retryAfterMs?: number): StatusObject {
  const metadata = new Metadata();
  if (retryAfterMs !== undefined) metadata.set(RETRY_AFTER_HEADER, String(Math.ceil(retryAfterMs)));
  return { code: grpcStatusOf[refusal.code], details: refusal.message, metadata };
}

/** For a handler that threw: nothing of the inside goes out. */
export const internalStatus: Omit<StatusObject, 'metadata'> = {
  code: status.INTERNAL,
  details: 'the controller failed at this; its log says why',
};
