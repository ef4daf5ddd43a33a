// Original file: delivery.proto

import type { Stream as _raworc_v0_Stream, Stream__Output as _raworc_v0_Stream__Output } from '../../raworc/v0/Stream.ts';

/**
 * Requests the newest log lines of an agent in a session.
 */
export interface ReadLines {
  'sessionId'?: (string);
  'requestId'?: (string);
  'agent'?: (string);
  /**
   * unspecified: both
   */
  'stream'?: (_raworc_v0_Stream);
  'limit'?: (number);
}

/**
 * Requests the newest log lines of an agent in a session.
 */
export interface ReadLines__Output {
  'sessionId': (string);
  'requestId': (string);
  'agent': (string);
  /**
   * unspecified: both
   */
  'stream': (_raworc_v0_Stream__Output);
  'limit': (number);
}
