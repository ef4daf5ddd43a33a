// Original file: node.proto

import type { Phase as _raworc_node_v0_Phase, Phase__Output as _raworc_node_v0_Phase__Output } from '../../../raworc/node/v0/Phase.ts';
import type { Long } from '@grpc/proto-loader';

export interface Report {
  'sessionId'?: (string);
  /**
   * of the assignment that this reports on
   */
  'generation'?: (number | string | Long);
  'phase'?: (_raworc_node_v0_Phase);
  'boot'?: (number | string | Long);
  /**
   * Within the boot; (incarnation, boot, number) orders all reports of a node.
   */
  'number'?: (number | string | Long);
  'containerId'?: (string);
  'volume'?: (string);
  /**
   * of FAILED: one sentence for the operator
   */
  'reason'?: (string);
  /**
   * the guest's inbox, when RUNNING or SUSPENDED
   */
  'acceptedSeq'?: (number | string | Long);
  /**
   * see GuestHello.life, when RUNNING; 0 when unknown
   */
  'life'?: (number | string | Long);
  /**
   * of its container: "container", "user-namespace", "gvisor"; empty when unknown
   */
  'isolation'?: (string);
}

export interface Report__Output {
  'sessionId': (string);
  /**
   * of the assignment that this reports on
   */
  'generation': (number);
  'phase': (_raworc_node_v0_Phase__Output);
  'boot': (number);
  /**
   * Within the boot; (incarnation, boot, number) orders all reports of a node.
   */
  'number': (number);
  'containerId': (string);
  'volume': (string);
  /**
   * of FAILED: one sentence for the operator
   */
  'reason': (string);
  /**
   * the guest's inbox, when RUNNING or SUSPENDED
   */
  'acceptedSeq': (number);
  /**
   * see GuestHello.life, when RUNNING; 0 when unknown
   */
  'life': (number);
  /**
   * of its container: "container", "user-namespace", "gvisor"; empty when unknown
   */
  'isolation': (string);
}
