// Original file: delivery.proto

import type { Long } from '@grpc/proto-loader';

/**
 * The secrets of a session's space. Held in memory only, on the way too; nowhere logged and nowhere written.
 */
export interface Secrets {
  'sessionId'?: (string);
  /**
   * 0: not to be had now. Of a space without any, 0 need not be asked for
   */
  'version'?: (number | string | Long);
  'values'?: ({[key: string]: string});
}

/**
 * The secrets of a session's space. Held in memory only, on the way too; nowhere logged and nowhere written.
 */
export interface Secrets__Output {
  'sessionId': (string);
  /**
   * 0: not to be had now. Of a space without any, 0 need not be asked for
   */
  'version': (number);
  'values': ({[key: string]: string});
}
