// Original file: node.proto

import type { Desired as _raworc_node_v0_Desired, Desired__Output as _raworc_node_v0_Desired__Output } from '../../../raworc/node/v0/Desired.ts';
import type { SessionSpec as _raworc_node_v0_SessionSpec, SessionSpec__Output as _raworc_node_v0_SessionSpec__Output } from '../../../raworc/node/v0/SessionSpec.ts';
import type { Long } from '@grpc/proto-loader';

export interface Assignment {
  'sessionId'?: (string);
  'generation'?: (number | string | Long);
  'desired'?: (_raworc_node_v0_Desired);
  'spec'?: (_raworc_node_v0_SessionSpec | null);
  /**
   * when it is to be suspended: how long a running message may go on
   */
  'graceMs'?: (number | string | Long);
  /**
   * no message up to this number waits for an answer any more: they were answered, or cleared
   */
  'settledSeq'?: (number | string | Long);
  /**
   * the session of this node whose volume its own begins as a copy of; empty: none, or it has begun
   */
  'copyFrom'?: (string);
}

export interface Assignment__Output {
  'sessionId': (string);
  'generation': (number);
  'desired': (_raworc_node_v0_Desired__Output);
  'spec': (_raworc_node_v0_SessionSpec__Output | null);
  /**
   * when it is to be suspended: how long a running message may go on
   */
  'graceMs': (number);
  /**
   * no message up to this number waits for an answer any more: they were answered, or cleared
   */
  'settledSeq': (number);
  /**
   * the session of this node whose volume its own begins as a copy of; empty: none, or it has begun
   */
  'copyFrom': (string);
}
