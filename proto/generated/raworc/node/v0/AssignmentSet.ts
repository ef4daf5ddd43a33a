// Original file: node.proto

import type { Assignment as _raworc_node_v0_Assignment, Assignment__Output as _raworc_node_v0_Assignment__Output } from '../../../raworc/node/v0/Assignment.ts';
import type { Tombstone as _raworc_node_v0_Tombstone, Tombstone__Output as _raworc_node_v0_Tombstone__Output } from '../../../raworc/node/v0/Tombstone.ts';

/**
 * All assignments, then all tombstones of this node, in parts 1, 2, …; changes can arrive in
 * between. Tombstones are last because a node removes a volume once it knows of no session that must
 * copy it. After the last part, any container or volume not named since part 1 is an orphan. `part`
 * 0: the only one.
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
 * All assignments, then all tombstones of this node, in parts 1, 2, …; changes can arrive in
 * between. Tombstones are last because a node removes a volume once it knows of no session that must
 * copy it. After the last part, any container or volume not named since part 1 is an orphan. `part`
 * 0: the only one.
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
