// Original file: delivery.proto

import type { Long } from '@grpc/proto-loader';

/**
 * The guest has stored the message durably.
 */
export interface Accepted {
  'sessionId'?: (string);
  'generation'?: (number | string | Long);
  'messageId'?: (string);
  'seq'?: (number | string | Long);
  /**
   * already answered and settled: the guest sends nothing more about it
   */
  'settled'?: (boolean);
}

/**
 * The guest has stored the message durably.
 */
export interface Accepted__Output {
  'sessionId': (string);
  'generation': (number);
  'messageId': (string);
  'seq': (number);
  /**
   * already answered and settled: the guest sends nothing more about it
   */
  'settled': (boolean);
}
