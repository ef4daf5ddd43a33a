// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Remove this node agent's containers and end; volumes, images and what should be stay as they are.
 */
export interface Shutdown {
  'graceMs'?: (number | string | Long);
}

/**
 * Remove this node agent's containers and end; volumes, images and what should be stay as they are.
 */
export interface Shutdown__Output {
  'graceMs': (number);
}
