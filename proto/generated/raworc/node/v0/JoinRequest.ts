// Original file: node.proto


export interface JoinRequest {
  'tokenId'?: (string);
  'tokenSecret'?: (string);
  'csrDer'?: (Buffer | Uint8Array | string);
  'nodeName'?: (string);
  /**
   * added to those that the node has
   */
  'labels'?: ({[key: string]: string});
  /**
   * as in Hello; 0 from older releases
   */
  'protocolVersion'?: (number);
  'newestProtocolVersion'?: (number);
  /**
   * accepts ca_bundle
   */
  'takesBundle'?: (boolean);
}

export interface JoinRequest__Output {
  'tokenId': (string);
  'tokenSecret': (string);
  'csrDer': (Buffer);
  'nodeName': (string);
  /**
   * added to those that the node has
   */
  'labels': ({[key: string]: string});
  /**
   * as in Hello; 0 from older releases
   */
  'protocolVersion': (number);
  'newestProtocolVersion': (number);
  /**
   * accepts ca_bundle
   */
  'takesBundle': (boolean);
}
