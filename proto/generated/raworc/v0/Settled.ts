// Original file: delivery.proto


/**
 * The controller has committed an answer to this message (this one, an earlier one, or none is wanted any more): forget it.
 */
export interface Settled {
  'sessionId'?: (string);
  'messageId'?: (string);
}

/**
 * The controller has committed an answer to this message (this one, an earlier one, or none is wanted any more): forget it.
 */
export interface Settled__Output {
  'sessionId': (string);
  'messageId': (string);
}
