// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

export interface JoinResponse {
  'nodeId'?: (string);
  'clusterId'?: (string);
  /**
   * grows with every join under this node name
   */
  'incarnation'?: (number | string | Long);
  'certificateDer'?: (Buffer | Uint8Array | string);
  'caDer'?: (Buffer | Uint8Array | string);
  /**
   * of the certificate
   */
  'expiresAtMs'?: (number | string | Long);
  /**
   * all CAs to trust from now on, DER
   */
  'caBundle'?: (Buffer | Uint8Array | string)[];
}

export interface JoinResponse__Output {
  'nodeId': (string);
  'clusterId': (string);
  /**
   * grows with every join under this node name
   */
  'incarnation': (number);
  'certificateDer': (Buffer);
  'caDer': (Buffer);
  /**
   * of the certificate
   */
  'expiresAtMs': (number);
  /**
   * all CAs to trust from now on, DER
   */
  'caBundle': (Buffer)[];
}
