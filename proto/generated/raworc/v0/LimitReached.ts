// Original file: delivery.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A session's agents reached a limit of its container. Best effort, at most once a minute per
 * limit.
 */
export interface LimitReached {
  'sessionId'?: (string);
  /**
   * "processes" or "memory"
   */
  'limit'?: (string);
  /**
   * the limit itself: processes and threads, or bytes
   */
  'value'?: (number | string | Long);
  /**
   * whose processes were killed for it; empty when unknown
   */
  'agent'?: (string);
}

/**
 * A session's agents reached a limit of its container. Best effort, at most once a minute per
 * limit.
 */
export interface LimitReached__Output {
  'sessionId': (string);
  /**
   * "processes" or "memory"
   */
  'limit': (string);
  /**
   * the limit itself: processes and threads, or bytes
   */
  'value': (number);
  /**
   * whose processes were killed for it; empty when unknown
   */
  'agent': (string);
}
