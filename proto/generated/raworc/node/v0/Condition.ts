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
   * how long it has lasted
   */
  'sinceMs'?: (number | string | Long);
  /**
   * nothing new is placed on the node meanwhile
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
   * how long it has lasted
   */
  'sinceMs': (number);
  /**
   * nothing new is placed on the node meanwhile
   */
  'unschedulable': (boolean);
}
