// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

export interface Removed {
  'sessionId'?: (string);
  'upToGeneration'?: (number | string | Long);
}

export interface Removed__Output {
  'sessionId': (string);
  'upToGeneration': (number);
}
