// Original file: delivery.proto


/**
 * An agent of this space is to get no messages in any of its sessions: what it has not begun is answered with an error, and its
 * workers are ended, at once or after the run that is under way. What is delivered later is not meant. Harmless when repeated.
 */
export interface StopAgent {
  'spaceId'?: (string);
  'agent'?: (string);
  /**
   * also the run that is under way
   */
  'interrupt'?: (boolean);
}

/**
 * An agent of this space is to get no messages in any of its sessions: what it has not begun is answered with an error, and its
 * workers are ended, at once or after the run that is under way. What is delivered later is not meant. Harmless when repeated.
 */
export interface StopAgent__Output {
  'spaceId': (string);
  'agent': (string);
  /**
   * also the run that is under way
   */
  'interrupt': (boolean);
}
