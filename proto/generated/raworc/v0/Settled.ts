// Original file: delivery.proto

import type { Long } from '@grpc/proto-loader';

/**
 * The controller committed an answer to this message, or no longer wants one. The guest forgets it.
 */
export interface Settled {
  'sessionId'?: (string);
  /**
   * empty: see up_to_seq
   */
  'messageId'?: (string);
  /**
   * instead of one message: all up to this seq
   */
  'upToSeq'?: (number | string | Long);
}

/**
 * The controller committed an answer to this message, or no longer wants one. The guest forgets it.
 */
export interface Settled__Output {
  'sessionId': (string);
  /**
   * empty: see up_to_seq
   */
  'messageId': (string);
  /**
   * instead of one message: all up to this seq
   */
  'upToSeq': (number);
}
