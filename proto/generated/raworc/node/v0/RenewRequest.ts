// Original file: node.proto


export interface RenewRequest {
  /**
   * Signed by the certificate's key; without a client certificate, challengePassword is the
   * challenge.
   */
  'csrDer'?: (Buffer | Uint8Array | string);
  /**
   * the node's newest; empty when the call has a client certificate
   */
  'certificateDer'?: (Buffer | Uint8Array | string);
  /**
   * accepts ca_bundle
   */
  'takesBundle'?: (boolean);
}

export interface RenewRequest__Output {
  /**
   * Signed by the certificate's key; without a client certificate, challengePassword is the
   * challenge.
   */
  'csrDer': (Buffer);
  /**
   * the node's newest; empty when the call has a client certificate
   */
  'certificateDer': (Buffer);
  /**
   * accepts ca_bundle
   */
  'takesBundle': (boolean);
}
