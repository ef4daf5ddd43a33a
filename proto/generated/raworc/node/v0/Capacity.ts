// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

/**
 * What placement may hand out.
 */
export interface Capacity {
  'cpuMillis'?: (number);
  'memoryBytes'?: (number | string | Long);
  /**
   * 0: no bound of its own
   */
  'sessions'?: (number);
}

/**
 * What placement may hand out.
 */
export interface Capacity__Output {
  'cpuMillis': (number);
  'memoryBytes': (number);
  /**
   * 0: no bound of its own
   */
  'sessions': (number);
}
