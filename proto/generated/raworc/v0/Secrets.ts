// Original file: delivery.proto

import type { Long } from '@grpc/proto-loader';

/**
 * The secrets of a session's space. Every process keeps them in memory only: never logged, never
 * written to disk.
 */
export interface Secrets {
  'sessionId'?: (string);
  /**
   * 0: not available now. A guest never requests version 0: the space has no secrets.
   */
  'version'?: (number | string | Long);
  'values'?: ({[key: string]: string});
  /**
   * names that only the guest uses: agents do not get them
   */
  'withheld'?: (string)[];
}

/**
 * The secrets of a session's space. Every process keeps them in memory only: never logged, never
 * written to disk.
 */
export interface Secrets__Output {
  'sessionId': (string);
  /**
   * 0: not available now. A guest never requests version 0: the space has no secrets.
   */
  'version': (number);
  'values': ({[key: string]: string});
  /**
   * names that only the guest uses: agents do not get them
   */
  'withheld': (string)[];
}
