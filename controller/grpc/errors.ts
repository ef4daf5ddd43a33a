import { Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { REMOVED_HEADER } from '../../proto/node-service.ts';
import type { RefusalCode } from '../contract/errors.ts';
import type { Refusal } from '../domain/engine/outcome.ts';
import { RemovedNode } from '../domain/nodes/refusals.ts';

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
  PRECONDITION_FAILED: status.FAILED_PRECONDITION,
  RANGE_NOT_SATISFIABLE: status.OUT_OF_RANGE,
  INSUFFICIENT_STORAGE: status.RESOURCE_EXHAUSTED,
  UNAVAILABLE: status.UNAVAILABLE,
};

/** gRPC's standard header for the retry delay. */
export const RETRY_AFTER_HEADER = 'grpc-retry-pushback-ms';

/** Returns the header that tells a node agent that its node was removed. */
export const removedHeader = ({ details }: Refusal): Readonly<Record<string, string>> =>
  details instanceof RemovedNode ? { [REMOVED_HEADER]: details.nodeId } : {};

export function grpcStatus(refusal: Refusal, retryAfterMs?: number): StatusObject {
  const metadata = new Metadata();
  if (retryAfterMs !== undefined) metadata.set(RETRY_AFTER_HEADER, String(Math.ceil(retryAfterMs)));
  for (const [name, value] of Object.entries(removedHeader(refusal))) metadata.set(name, value);
  return { code: grpcStatusOf[refusal.code], details: refusal.message, metadata };
}

/** The answer when a handler throws. Reveals nothing internal. */
export const internalStatus: Omit<StatusObject, 'metadata'> = {
  code: status.INTERNAL,
  details: 'The controller failed to process this call. Its log has the details.',
};
