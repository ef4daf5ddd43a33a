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
  /**
   * all CAs to trust from now on, DER
   */
  'caBundle'?: (Buffer | Uint8Array | string)[];
}

export interface RenewResponse__Output {
  'certificateDer': (Buffer);
  /**
   * remaining validity, independent of the node's clock
   */
  'lifeMs': (number);
  'nodeAddresses': (string)[];
  'joinAddresses': (string)[];
  /**
   * all CAs to trust from now on, DER
   */
  'caBundle': (Buffer)[];
}
