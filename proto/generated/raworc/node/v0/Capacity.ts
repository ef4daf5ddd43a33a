// Original file: node.proto

import type { Limits as _raworc_node_v0_Limits, Limits__Output as _raworc_node_v0_Limits__Output } from '../../../raworc/node/v0/Limits.ts';
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
  /**
   * of all sessions with their guests; 0: no bound of its own
   */
  'processes'?: (number | string | Long);
  /**
   * of the file system that holds the disks; 0: no bound of its own
   */
  'diskBytes'?: (number | string | Long);
  /**
   * of one session: a larger limit is lowered to it; 0 in a field: no bound of its own
   */
  'most'?: (_raworc_node_v0_Limits | null);
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
  /**
   * of all sessions with their guests; 0: no bound of its own
   */
  'processes': (number);
  /**
   * of the file system that holds the disks; 0: no bound of its own
   */
  'diskBytes': (number);
  /**
   * of one session: a larger limit is lowered to it; 0 in a field: no bound of its own
   */
  'most': (_raworc_node_v0_Limits__Output | null);
}
