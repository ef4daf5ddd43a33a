// Original file: node.proto

import type { Report as _raworc_node_v0_Report, Report__Output as _raworc_node_v0_Report__Output } from '../../../raworc/node/v0/Report.ts';
import type { Tombstone as _raworc_node_v0_Tombstone, Tombstone__Output as _raworc_node_v0_Tombstone__Output } from '../../../raworc/node/v0/Tombstone.ts';

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
   * session ids of containers and volumes with this node's label that nothing explains
   */
  'orphans'?: (string)[];
}

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
   * session ids of containers and volumes with this node's label that nothing explains
   */
  'orphans': (string)[];
}
