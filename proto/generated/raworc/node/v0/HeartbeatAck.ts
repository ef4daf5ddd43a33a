// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

export interface HeartbeatAck {
  'number'?: (number | string | Long);
  'leaseMs'?: (number | string | Long);
  /**
   * the controller's wall clock
   */
  'nowMs'?: (number | string | Long);
  /**
   * of the CAs to trust: a node with others renews at once
   */
  'caDigest'?: (string);
}

export interface HeartbeatAck__Output {
  'number': (number);
  'leaseMs': (number);
  /**
   * the controller's wall clock
   */
  'nowMs': (number);
  /**
   * of the CAs to trust: a node with others renews at once
   */
  'caDigest': (string);
}
