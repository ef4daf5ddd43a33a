// Original file: delivery.proto

import type { LogLine as _raworc_v0_LogLine, LogLine__Output as _raworc_v0_LogLine__Output } from '../../raworc/v0/LogLine.ts';

/**
 * The answer to ReadLines, oldest first.
 */
export interface Lines {
  'sessionId'?: (string);
  'requestId'?: (string);
  'lines'?: (_raworc_v0_LogLine)[];
  /**
   * no guest is connected that could read them
   */
  'unread'?: (boolean);
}

/**
 * The answer to ReadLines, oldest first.
 */
export interface Lines__Output {
  'sessionId': (string);
  'requestId': (string);
  'lines': (_raworc_v0_LogLine__Output)[];
  /**
   * no guest is connected that could read them
   */
  'unread': (boolean);
}
