// Original file: delivery.proto

import type { Long } from '@grpc/proto-loader';

/**
 * The guest holds the message durably.
 */
export interface Accepted {
  'sessionId'?: (string);
  'generation'?: (number | string | Long);
  'messageId'?: (string);
  'seq'?: (number | string | Long);
  /**
   * it was answered, and that was settled: nothing more will be said to it
   */
  'settled'?: (boolean);
}

/**
 * The guest holds the message durably.
 */
export interface Accepted__Output {
  'sessionId': (string);
  'generation': (number);
  'messageId': (string);
  'seq': (number);
  /**
   * it was answered, and that was settled: nothing more will be said to it
   */
  'settled': (boolean);
}
