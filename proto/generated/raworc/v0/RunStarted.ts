// Original file: delivery.proto

import type { Hop as _raworc_v0_Hop, Hop__Output as _raworc_v0_Hop__Output } from '../../raworc/v0/Hop.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * An agent is about to receive the message. The guest stores this durably before sending it.
 */
export interface RunStarted {
  'sessionId'?: (string);
  'generation'?: (number | string | Long);
  'messageId'?: (string);
  'runId'?: (string);
  'agent'?: (string);
  /**
   * Only in the guest's journal: a hop of this run is about to begin, or has ended.
   */
  'hop'?: (_raworc_v0_Hop | null);
}

/**
 * An agent is about to receive the message. The guest stores this durably before sending it.
 */
export interface RunStarted__Output {
  'sessionId': (string);
  'generation': (number);
  'messageId': (string);
  'runId': (string);
  'agent': (string);
  /**
   * Only in the guest's journal: a hop of this run is about to begin, or has ended.
   */
  'hop': (_raworc_v0_Hop__Output | null);
}
