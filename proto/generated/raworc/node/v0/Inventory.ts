// Original file: node.proto

import type { Report as _raworc_node_v0_Report, Report__Output as _raworc_node_v0_Report__Output } from '../../../raworc/node/v0/Report.ts';
import type { Tombstone as _raworc_node_v0_Tombstone, Tombstone__Output as _raworc_node_v0_Tombstone__Output } from '../../../raworc/node/v0/Tombstone.ts';
import type { Orphan as _raworc_node_v0_Orphan, Orphan__Output as _raworc_node_v0_Orphan__Output } from '../../../raworc/node/v0/Orphan.ts';

/**
 * Sent in parts 1, 2, …, each after the InventoryTaken of the one before. `part` 0: the only one.
 */
export interface Inventory {
  'sessions'?: (_raworc_node_v0_Report)[];
  /**
   * tags of Raworc images that this node can start
   */
  'images'?: (string)[];
  /**
   * removals in progress
   */
  'tombstones'?: (_raworc_node_v0_Tombstone)[];
  /**
   * see Orphan
   */
  'orphans'?: (_raworc_node_v0_Orphan)[];
  'part'?: (number);
  /**
   * another part follows
   */
  'more'?: (boolean);
}

/**
 * Sent in parts 1, 2, …, each after the InventoryTaken of the one before. `part` 0: the only one.
 */
export interface Inventory__Output {
  'sessions': (_raworc_node_v0_Report__Output)[];
  /**
   * tags of Raworc images that this node can start
   */
  'images': (string)[];
  /**
   * removals in progress
   */
  'tombstones': (_raworc_node_v0_Tombstone__Output)[];
  /**
   * see Orphan
   */
  'orphans': (_raworc_node_v0_Orphan__Output)[];
  'part': (number);
  /**
   * another part follows
   */
  'more': (boolean);
}
