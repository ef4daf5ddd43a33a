// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Remove this session's container and volume, up to that generation.
 */
export interface Tombstone {
  'sessionId'?: (string);
  'upToGeneration'?: (number | string | Long);
}

/**
 * Remove this session's container and volume, up to that generation.
 */
export interface Tombstone__Output {
  'sessionId': (string);
  'upToGeneration': (number);
}
