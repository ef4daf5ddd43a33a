// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

/**
 * The controller's count and checksum of the sessions of that set after change `number` (see
 * proto/set-sum.ts). A node whose own differ gets the whole set again.
 */
export interface SetDigest {
  'setId'?: (string);
  'number'?: (number | string | Long);
  'sessions'?: (number);
  'sum'?: (string);
}

/**
 * The controller's count and checksum of the sessions of that set after change `number` (see
 * proto/set-sum.ts). A node whose own differ gets the whole set again.
 */
export interface SetDigest__Output {
  'setId': (string);
  'number': (number);
  'sessions': (number);
  'sum': (string);
}
