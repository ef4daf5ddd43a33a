// Original file: delivery.proto

import type { Long } from '@grpc/proto-loader';

export interface LiveWorker {
  'agent'?: (string);
  /**
   * Unix milliseconds
   */
  'startedAtMs'?: (number | string | Long);
}

export interface LiveWorker__Output {
  'agent': (string);
  /**
   * Unix milliseconds
   */
  'startedAtMs': (number);
}
