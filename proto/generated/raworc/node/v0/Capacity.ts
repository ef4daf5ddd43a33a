// Original file: node.proto

import type { Limits as _raworc_node_v0_Limits, Limits__Output as _raworc_node_v0_Limits__Output } from '../../../raworc/node/v0/Limits.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * Resources that placement can allocate. 0: unlimited.
 */
export interface Capacity {
  'cpuMillis'?: (number);
  'memoryBytes'?: (number | string | Long);
  'sessions'?: (number);
  /**
   * of all sessions, guests included
   */
  'processes'?: (number | string | Long);
  /**
   * of the file system with the sessions' disks
   */
  'diskBytes'?: (number | string | Long);
  /**
   * per session: larger limits are lowered to these
   */
  'most'?: (_raworc_node_v0_Limits | null);
}

/**
 * Resources that placement can allocate. 0: unlimited.
 */
export interface Capacity__Output {
  'cpuMillis': (number);
  'memoryBytes': (number);
  'sessions': (number);
  /**
   * of all sessions, guests included
   */
  'processes': (number);
  /**
   * of the file system with the sessions' disks
   */
  'diskBytes': (number);
  /**
   * per session: larger limits are lowered to these
   */
  'most': (_raworc_node_v0_Limits__Output | null);
}
