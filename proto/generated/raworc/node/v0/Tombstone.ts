// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Container and volume of this session, up to that generation, are to go.
 */
export interface Tombstone {
  'sessionId'?: (string);
  'upToGeneration'?: (number | string | Long);
}

/**
 * Container and volume of this session, up to that generation, are to go.
 */
export interface Tombstone__Output {
  'sessionId': (string);
  'upToGeneration': (number);
}
