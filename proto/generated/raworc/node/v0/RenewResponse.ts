// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

export interface RenewResponse {
  'certificateDer'?: (Buffer | Uint8Array | string);
  /**
   * how long it is valid from now on, whatever the node's clock says
   */
  'lifeMs'?: (number | string | Long);
  'nodeAddresses'?: (string)[];
  'joinAddresses'?: (string)[];
}

export interface RenewResponse__Output {
  'certificateDer': (Buffer);
  /**
   * how long it is valid from now on, whatever the node's clock says
   */
  'lifeMs': (number);
  'nodeAddresses': (string)[];
  'joinAddresses': (string)[];
}
