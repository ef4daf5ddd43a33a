// Original file: node.proto

import type { Assignment as _raworc_node_v0_Assignment, Assignment__Output as _raworc_node_v0_Assignment__Output } from '../../../raworc/node/v0/Assignment.ts';
import type { Tombstone as _raworc_node_v0_Tombstone, Tombstone__Output as _raworc_node_v0_Tombstone__Output } from '../../../raworc/node/v0/Tombstone.ts';

/**
 * Everything that this node should hold. What it holds beyond these is an orphan, and stays.
 */
export interface AssignmentSet {
  'setId'?: (string);
  'assignments'?: (_raworc_node_v0_Assignment)[];
  'tombstones'?: (_raworc_node_v0_Tombstone)[];
}

/**
 * Everything that this node should hold. What it holds beyond these is an orphan, and stays.
 */
export interface AssignmentSet__Output {
  'setId': (string);
  'assignments': (_raworc_node_v0_Assignment__Output)[];
  'tombstones': (_raworc_node_v0_Tombstone__Output)[];
}
