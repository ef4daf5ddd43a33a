// Original file: node.proto

import type { Orphan as _raworc_node_v0_Orphan, Orphan__Output as _raworc_node_v0_Orphan__Output } from '../../../raworc/node/v0/Orphan.ts';

/**
 * All orphans of the node, sent when they change.
 */
export interface Orphans {
  'orphans'?: (_raworc_node_v0_Orphan)[];
}

/**
 * All orphans of the node, sent when they change.
 */
export interface Orphans__Output {
  'orphans': (_raworc_node_v0_Orphan__Output)[];
}
