// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Remove this node agent's containers and exit. Volumes, images and assignments stay.
 */
export interface Shutdown {
  'graceMs'?: (number | string | Long);
}

/**
 * Remove this node agent's containers and exit. Volumes, images and assignments stay.
 */
export interface Shutdown__Output {
  'graceMs': (number);
}
