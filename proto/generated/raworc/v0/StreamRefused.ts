// Original file: delivery.proto


/**
 * The guest or the node agent cannot open that stream.
 */
export interface StreamRefused {
  'sessionId'?: (string);
  'ticket'?: (string);
  /**
   * one of the reasons in proto/streams/reasons.ts
   */
  'reason'?: (string);
  /**
   * one sentence for the user
   */
  'message'?: (string);
}

/**
 * The guest or the node agent cannot open that stream.
 */
export interface StreamRefused__Output {
  'sessionId': (string);
  'ticket': (string);
  /**
   * one of the reasons in proto/streams/reasons.ts
   */
  'reason': (string);
  /**
   * one sentence for the user
   */
  'message': (string);
}
