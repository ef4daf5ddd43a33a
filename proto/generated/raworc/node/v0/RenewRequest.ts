// Original file: node.proto


export interface RenewRequest {
  /**
   * over the key of the certificate; without a client certificate, its challengePassword is the challenge
   */
  'csrDer'?: (Buffer | Uint8Array | string);
  /**
   * the newest that this node has; empty where the client certificate says who it is
   */
  'certificateDer'?: (Buffer | Uint8Array | string);
}

export interface RenewRequest__Output {
  /**
   * over the key of the certificate; without a client certificate, its challengePassword is the challenge
   */
  'csrDer': (Buffer);
  /**
   * the newest that this node has; empty where the client certificate says who it is
   */
  'certificateDer': (Buffer);
}
