// Original file: node.proto


export interface PutSourceRequest {
  /**
   * these three: only in the first message
   */
  'buildId'?: (string);
  'agent'?: (string);
  'commit'?: (string);
  /**
   * of a gzipped tar, in chunks of at most 256 KiB
   */
  'data'?: (Buffer | Uint8Array | string);
}

export interface PutSourceRequest__Output {
  /**
   * these three: only in the first message
   */
  'buildId': (string);
  'agent': (string);
  'commit': (string);
  /**
   * of a gzipped tar, in chunks of at most 256 KiB
   */
  'data': (Buffer);
}
