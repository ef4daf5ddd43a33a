// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

export interface RenewResponse {
  'certificateDer'?: (Buffer | Uint8Array | string);
  /**
   * remaining validity, independent of the node's clock
   */
  'lifeMs'?: (number | string | Long);
  'nodeAddresses'?: (string)[];
  'joinAddresses'?: (string)[];
}

export interface RenewResponse__Output {
  'certificateDer': (Buffer);
  /**
   * remaining validity, independent of the node's clock
   */
  'lifeMs': (number);
  'nodeAddresses': (string)[];
  'joinAddresses': (string)[];
}
