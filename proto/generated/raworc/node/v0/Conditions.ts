// Original file: node.proto

import type { Condition as _raworc_node_v0_Condition, Condition__Output as _raworc_node_v0_Condition__Output } from '../../../raworc/node/v0/Condition.ts';

/**
 * All that this node says of itself beyond its sessions, whenever it has changed, and on each new stream unless there is nothing.
 */
export interface Conditions {
  'conditions'?: (_raworc_node_v0_Condition)[];
}

/**
 * All that this node says of itself beyond its sessions, whenever it has changed, and on each new stream unless there is nothing.
 */
export interface Conditions__Output {
  'conditions': (_raworc_node_v0_Condition__Output)[];
}
