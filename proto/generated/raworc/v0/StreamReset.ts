// Original file: delivery.proto


export interface StreamReset {
  /**
   * as in StreamRefused
   */
  'reason'?: (string);
  'message'?: (string);
}

export interface StreamReset__Output {
  /**
   * as in StreamRefused
   */
  'reason': (string);
  'message': (string);
}
