// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

/**
 * What the controller has told the node by change `number` of that set: how many sessions, and the sum over them (SetSum in proto/set-sum.ts).
 * A node that differs gets the whole set anew.
 */
export interface SetDigest {
  'setId'?: (string);
  'number'?: (number | string | Long);
  'sessions'?: (number);
  'sum'?: (string);
}

/**
 * What the controller has told the node by change `number` of that set: how many sessions, and the sum over them (SetSum in proto/set-sum.ts).
 * A node that differs gets the whole set anew.
 */
export interface SetDigest__Output {
  'setId': (string);
  'number': (number);
  'sessions': (number);
  'sum': (string);
}
