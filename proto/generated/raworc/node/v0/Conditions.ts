// Original file: node.proto

import type { Condition as _raworc_node_v0_Condition, Condition__Output as _raworc_node_v0_Condition__Output } from '../../../raworc/node/v0/Condition.ts';

/**
 * All conditions of the node: sent when one changes, and on each new stream unless there are none.
 */
export interface Conditions {
  'conditions'?: (_raworc_node_v0_Condition)[];
}

/**
 * All conditions of the node: sent when one changes, and on each new stream unless there are none.
 */
export interface Conditions__Output {
  'conditions': (_raworc_node_v0_Condition__Output)[];
}
