// Original file: node.proto

import type { Assignment as _raworc_node_v0_Assignment, Assignment__Output as _raworc_node_v0_Assignment__Output } from '../../../raworc/node/v0/Assignment.ts';
import type { Tombstone as _raworc_node_v0_Tombstone, Tombstone__Output as _raworc_node_v0_Tombstone__Output } from '../../../raworc/node/v0/Tombstone.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * The next change to that set. `number` counts from 1 without gaps; a mismatch ends the stream, and
 * the node reconnects.
 */
export interface AssignmentChange {
  'setId'?: (string);
  'number'?: (number | string | Long);
  'assignments'?: (_raworc_node_v0_Assignment)[];
  'tombstones'?: (_raworc_node_v0_Tombstone)[];
}

/**
 * The next change to that set. `number` counts from 1 without gaps; a mismatch ends the stream, and
 * the node reconnects.
 */
export interface AssignmentChange__Output {
  'setId': (string);
  'number': (number);
  'assignments': (_raworc_node_v0_Assignment__Output)[];
  'tombstones': (_raworc_node_v0_Tombstone__Output)[];
}
