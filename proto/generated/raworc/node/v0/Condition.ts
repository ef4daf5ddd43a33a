// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

export interface Condition {
  /**
   * of a small fixed set: "DiskLow", "EngineHung"
   */
  'type'?: (string);
  /**
   * a sentence or two for the operator
   */
  'message'?: (string);
  /**
   * how long ago it began
   */
  'sinceMs'?: (number | string | Long);
  /**
   * no new session is placed on the node meanwhile
   */
  'unschedulable'?: (boolean);
}

export interface Condition__Output {
  /**
   * of a small fixed set: "DiskLow", "EngineHung"
   */
  'type': (string);
  /**
   * a sentence or two for the operator
   */
  'message': (string);
  /**
   * how long ago it began
   */
  'sinceMs': (number);
  /**
   * no new session is placed on the node meanwhile
   */
  'unschedulable': (boolean);
}
