// Original file: node.proto

import type { Desired as _raworc_node_v0_Desired, Desired__Output as _raworc_node_v0_Desired__Output } from '../../../raworc/node/v0/Desired.ts';
import type { SessionSpec as _raworc_node_v0_SessionSpec, SessionSpec__Output as _raworc_node_v0_SessionSpec__Output } from '../../../raworc/node/v0/SessionSpec.ts';
import type { CancelMessage as _raworc_v0_CancelMessage, CancelMessage__Output as _raworc_v0_CancelMessage__Output } from '../../../raworc/v0/CancelMessage.ts';
import type { Long } from '@grpc/proto-loader';

export interface Assignment {
  'sessionId'?: (string);
  'generation'?: (number | string | Long);
  'desired'?: (_raworc_node_v0_Desired);
  'spec'?: (_raworc_node_v0_SessionSpec | null);
  /**
   * for a suspend: how long a running message can continue
   */
  'graceMs'?: (number | string | Long);
  /**
   * every message up to this seq is answered or cleared
   */
  'settledSeq'?: (number | string | Long);
  /**
   * Session on this node whose volume to copy at creation; empty: none, or copied.
   */
  'copyFrom'?: (string);
  /**
   * Cancelled messages without an answer. Later ones arrive as CancelMessage.
   */
  'cancelled'?: (_raworc_v0_CancelMessage)[];
  /**
   * Started ahead of need, and nobody's yet: once no complete set names it, the node removes it.
   */
  'slot'?: (boolean);
  /**
   * the guest starts its agents' processes before there is a message
   */
  'startWorkers'?: (boolean);
}

export interface Assignment__Output {
  'sessionId': (string);
  'generation': (number);
  'desired': (_raworc_node_v0_Desired__Output);
  'spec': (_raworc_node_v0_SessionSpec__Output | null);
  /**
   * for a suspend: how long a running message can continue
   */
  'graceMs': (number);
  /**
   * every message up to this seq is answered or cleared
   */
  'settledSeq': (number);
  /**
   * Session on this node whose volume to copy at creation; empty: none, or copied.
   */
  'copyFrom': (string);
  /**
   * Cancelled messages without an answer. Later ones arrive as CancelMessage.
   */
  'cancelled': (_raworc_v0_CancelMessage__Output)[];
  /**
   * Started ahead of need, and nobody's yet: once no complete set names it, the node removes it.
   */
  'slot': (boolean);
  /**
   * the guest starts its agents' processes before there is a message
   */
  'startWorkers': (boolean);
}
