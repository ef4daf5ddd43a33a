// Original file: guest.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Nothing runs, and everything that was said is durable: the container may go.
 */
export interface Drained {
  'acceptedSeq'?: (number | string | Long);
}

/**
 * Nothing runs, and everything that was said is durable: the container may go.
 */
export interface Drained__Output {
  'acceptedSeq': (number);
}
