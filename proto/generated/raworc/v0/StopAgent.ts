// Original file: delivery.proto


/**
 * Stop this agent in all sessions of its space, or in one: queued messages get an error, other
 * agents can no longer ask it, and its workers exit, at once or after the current run. Messages
 * delivered later are not affected. Idempotent.
 */
export interface StopAgent {
  'spaceId'?: (string);
  'agent'?: (string);
  /**
   * also interrupt the current run
   */
  'interrupt'?: (boolean);
  /**
   * empty: all sessions of the space
   */
  'sessionId'?: (string);
}

/**
 * Stop this agent in all sessions of its space, or in one: queued messages get an error, other
 * agents can no longer ask it, and its workers exit, at once or after the current run. Messages
 * delivered later are not affected. Idempotent.
 */
export interface StopAgent__Output {
  'spaceId': (string);
  'agent': (string);
  /**
   * also interrupt the current run
   */
  'interrupt': (boolean);
  /**
   * empty: all sessions of the space
   */
  'sessionId': (string);
}
