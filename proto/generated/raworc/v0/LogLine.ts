// Original file: delivery.proto

import type { Stream as _raworc_v0_Stream, Stream__Output as _raworc_v0_Stream__Output } from '../../raworc/v0/Stream.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * One line of an agent's output. Best effort: `dropped` counts the lines lost before this one.
 */
export interface LogLine {
  'sessionId'?: (string);
  'runId'?: (string);
  'agent'?: (string);
  'stream'?: (_raworc_v0_Stream);
  'line'?: (string);
  /**
   * Unix milliseconds
   */
  'atMs'?: (number | string | Long);
  'dropped'?: (number | string | Long);
}

/**
 * One line of an agent's output. Best effort: `dropped` counts the lines lost before this one.
 */
export interface LogLine__Output {
  'sessionId': (string);
  'runId': (string);
  'agent': (string);
  'stream': (_raworc_v0_Stream__Output);
  'line': (string);
  /**
   * Unix milliseconds
   */
  'atMs': (number);
  'dropped': (number);
}
