// Original file: node.proto

import type { Report as _raworc_node_v0_Report, Report__Output as _raworc_node_v0_Report__Output } from '../../../raworc/node/v0/Report.ts';
import type { Tombstone as _raworc_node_v0_Tombstone, Tombstone__Output as _raworc_node_v0_Tombstone__Output } from '../../../raworc/node/v0/Tombstone.ts';
import type { Orphan as _raworc_node_v0_Orphan, Orphan__Output as _raworc_node_v0_Orphan__Output } from '../../../raworc/node/v0/Orphan.ts';

/**
 * Comes in parts, 1, 2, … in order, each after the one before it was taken. `part` 0: the only one.
 */
export interface Inventory {
  'sessions'?: (_raworc_node_v0_Report)[];
  /**
   * tags of Raworc's images that this node can start
   */
  'images'?: (string)[];
  /**
   * removals still under way
   */
  'tombstones'?: (_raworc_node_v0_Tombstone)[];
  /**
   * what carries this node's label and nothing explains
   */
  'orphans'?: (_raworc_node_v0_Orphan)[];
  'part'?: (number);
  /**
   * another part follows
   */
  'more'?: (boolean);
}

/**
 * Comes in parts, 1, 2, … in order, each after the one before it was taken. `part` 0: the only one.
 */
export interface Inventory__Output {
  'sessions': (_raworc_node_v0_Report__Output)[];
  /**
   * tags of Raworc's images that this node can start
   */
  'images': (string)[];
  /**
   * removals still under way
   */
  'tombstones': (_raworc_node_v0_Tombstone__Output)[];
  /**
   * what carries this node's label and nothing explains
   */
  'orphans': (_raworc_node_v0_Orphan__Output)[];
  'part': (number);
  /**
   * another part follows
   */
  'more': (boolean);
}
