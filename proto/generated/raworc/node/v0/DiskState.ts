// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A session's disk became full, or has space again. Sent once for each change, not again on a new
 * stream.
 */
export interface DiskState {
  'sessionId'?: (string);
  'generation'?: (number | string | Long);
  'full'?: (boolean);
  'limitBytes'?: (number | string | Long);
}

/**
 * A session's disk became full, or has space again. Sent once for each change, not again on a new
 * stream.
 */
export interface DiskState__Output {
  'sessionId': (string);
  'generation': (number);
  'full': (boolean);
  'limitBytes': (number);
}
