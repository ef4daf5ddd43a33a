// Original file: delivery.proto

import type { Stream as _raworc_v0_Stream, Stream__Output as _raworc_v0_Stream__Output } from '../../raworc/v0/Stream.ts';

/**
 * The newest lines that an agent printed in a session are wanted.
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
 * The newest lines that an agent printed in a session are wanted.
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
