// Original file: guest.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Nothing runs and everything sent is durable: the node agent can remove the container.
 */
export interface Drained {
  'acceptedSeq'?: (number | string | Long);
}

/**
 * Nothing runs and everything sent is durable: the node agent can remove the container.
 */
export interface Drained__Output {
  'acceptedSeq': (number);
}
