// Original file: delivery.proto

import type { Long } from '@grpc/proto-loader';

/**
 * The agents of a session met a limit of its container. Best effort, and at most once a minute for each limit.
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
   * whose processes were ended for it; empty when nobody knows
   */
  'agent'?: (string);
}

/**
 * The agents of a session met a limit of its container. Best effort, and at most once a minute for each limit.
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
   * whose processes were ended for it; empty when nobody knows
   */
  'agent': (string);
}
