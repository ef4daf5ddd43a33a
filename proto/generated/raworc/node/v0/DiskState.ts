// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

/**
 * The disk of a session has become full, or has room again. Said once each; not said again on a new stream.
 */
export interface DiskState {
  'sessionId'?: (string);
  'generation'?: (number | string | Long);
  'full'?: (boolean);
  'limitBytes'?: (number | string | Long);
}

/**
 * The disk of a session has become full, or has room again. Said once each; not said again on a new stream.
 */
export interface DiskState__Output {
  'sessionId': (string);
  'generation': (number);
  'full': (boolean);
  'limitBytes': (number);
}
