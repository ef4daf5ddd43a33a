// Original file: node.proto

import type { Assignment as _raworc_node_v0_Assignment, Assignment__Output as _raworc_node_v0_Assignment__Output } from '../../../raworc/node/v0/Assignment.ts';
import type { Tombstone as _raworc_node_v0_Tombstone, Tombstone__Output as _raworc_node_v0_Tombstone__Output } from '../../../raworc/node/v0/Tombstone.ts';

/**
 * Everything that this node should hold, in parts, 1, 2, … in order; changes may come in between. Once the last part is there, what the
 * node holds beyond all that was named since part 1 is an orphan, and stays. `part` 0: the only one.
 */
export interface AssignmentSet {
  'setId'?: (string);
  'assignments'?: (_raworc_node_v0_Assignment)[];
  'tombstones'?: (_raworc_node_v0_Tombstone)[];
  'part'?: (number);
  /**
   * another part follows
   */
  'more'?: (boolean);
}

/**
 * Everything that this node should hold, in parts, 1, 2, … in order; changes may come in between. Once the last part is there, what the
 * node holds beyond all that was named since part 1 is an orphan, and stays. `part` 0: the only one.
 */
export interface AssignmentSet__Output {
  'setId': (string);
  'assignments': (_raworc_node_v0_Assignment__Output)[];
  'tombstones': (_raworc_node_v0_Tombstone__Output)[];
  'part': (number);
  /**
   * another part follows
   */
  'more': (boolean);
}
