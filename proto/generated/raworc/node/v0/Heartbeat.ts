// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Durations only: the node counts its lease from when it sent the heartbeat.
 */
export interface Heartbeat {
  'number'?: (number | string | Long);
}

/**
 * Durations only: the node counts its lease from when it sent the heartbeat.
 */
export interface Heartbeat__Output {
  'number': (number);
}
