// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

export interface HeartbeatAck {
  'number'?: (number | string | Long);
  'leaseMs'?: (number | string | Long);
  /**
   * the controller's wall clock
   */
  'nowMs'?: (number | string | Long);
}

export interface HeartbeatAck__Output {
  'number': (number);
  'leaseMs': (number);
  /**
   * the controller's wall clock
   */
  'nowMs': (number);
}
