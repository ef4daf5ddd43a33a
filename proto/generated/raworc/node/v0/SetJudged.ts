// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

export interface SetJudged {
  'setId'?: (string);
  'number'?: (number | string | Long);
  'agrees'?: (boolean);
}

export interface SetJudged__Output {
  'setId': (string);
  'number': (number);
  'agrees': (boolean);
}
