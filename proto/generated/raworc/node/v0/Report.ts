// Original file: node.proto

import type { Phase as _raworc_node_v0_Phase, Phase__Output as _raworc_node_v0_Phase__Output } from '../../../raworc/node/v0/Phase.ts';
import type { Long } from '@grpc/proto-loader';

export interface Report {
  'sessionId'?: (string);
  /**
   * the assignment that this answers
   */
  'generation'?: (number | string | Long);
  'phase'?: (_raworc_node_v0_Phase);
  'boot'?: (number | string | Long);
  /**
   * within the boot; with incarnation and boot it orders all reports of a node
   */
  'number'?: (number | string | Long);
  'containerId'?: (string);
  'volume'?: (string);
  /**
   * of FAILED: one sentence for a person
   */
  'reason'?: (string);
  /**
   * the guest's inbox, when RUNNING or SUSPENDED
   */
  'acceptedSeq'?: (number | string | Long);
  /**
   * of the session's memory, as its guest counts, when RUNNING; 0 when unknown
   */
  'life'?: (number | string | Long);
}

export interface Report__Output {
  'sessionId': (string);
  /**
   * the assignment that this answers
   */
  'generation': (number);
  'phase': (_raworc_node_v0_Phase__Output);
  'boot': (number);
  /**
   * within the boot; with incarnation and boot it orders all reports of a node
   */
  'number': (number);
  'containerId': (string);
  'volume': (string);
  /**
   * of FAILED: one sentence for a person
   */
  'reason': (string);
  /**
   * the guest's inbox, when RUNNING or SUSPENDED
   */
  'acceptedSeq': (number);
  /**
   * of the session's memory, as its guest counts, when RUNNING; 0 when unknown
   */
  'life': (number);
}
