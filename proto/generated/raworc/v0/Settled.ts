// Original file: delivery.proto

import type { Long } from '@grpc/proto-loader';

/**
 * The controller has committed an answer to this message (this one, an earlier one, or none is wanted any more): forget it.
 */
export interface Settled {
  'sessionId'?: (string);
  /**
   * empty: see up_to_seq
   */
  'messageId'?: (string);
  /**
   * instead of one message: all up to this number
   */
  'upToSeq'?: (number | string | Long);
}

/**
 * The controller has committed an answer to this message (this one, an earlier one, or none is wanted any more): forget it.
 */
export interface Settled__Output {
  'sessionId': (string);
  /**
   * empty: see up_to_seq
   */
  'messageId': (string);
  /**
   * instead of one message: all up to this number
   */
  'upToSeq': (number);
}
