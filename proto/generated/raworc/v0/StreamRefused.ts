// Original file: delivery.proto


/**
 * That stream will not be opened.
 */
export interface StreamRefused {
  'sessionId'?: (string);
  'ticket'?: (string);
  /**
   * a word of a closed list: see proto/streams/reasons.ts
   */
  'reason'?: (string);
  /**
   * a sentence for a person
   */
  'message'?: (string);
}

/**
 * That stream will not be opened.
 */
export interface StreamRefused__Output {
  'sessionId': (string);
  'ticket': (string);
  /**
   * a word of a closed list: see proto/streams/reasons.ts
   */
  'reason': (string);
  /**
   * a sentence for a person
   */
  'message': (string);
}
