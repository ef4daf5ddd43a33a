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
   * the limit, in processes and threads or in bytes
   */
  'value'?: (number | string | Long);
  /**
   * agent whose processes were killed; empty if unknown
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
   * the limit, in processes and threads or in bytes
   */
  'value': (number);
  /**
   * agent whose processes were killed; empty if unknown
   */
  'agent': (string);
}
