// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

export interface ChallengeResponse {
  /**
   * valid for a minute
   */
  'challenge'?: (string);
  /**
   * the controller's wall clock
   */
  'nowMs'?: (number | string | Long);
}

export interface ChallengeResponse__Output {
  /**
   * valid for a minute
   */
  'challenge': (string);
  /**
   * the controller's wall clock
   */
  'nowMs': (number);
}
