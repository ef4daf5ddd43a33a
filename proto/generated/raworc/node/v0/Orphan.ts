// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A container or volume that no assignment and no tombstone explains. It stays until an operator adopts or removes it.
 */
export interface Orphan {
  'sessionId'?: (string);
  /**
   * when it was made
   */
  'generation'?: (number | string | Long);
  /**
   * empty: none
   */
  'containerId'?: (string);
  /**
   * empty: none
   */
  'volume'?: (string);
  /**
   * of its label
   */
  'space'?: (string);
  /**
   * of its container, empty when unknown
   */
  'image'?: (string);
  /**
   * its container is frozen, and stays so when it is adopted
   */
  'paused'?: (boolean);
}

/**
 * A container or volume that no assignment and no tombstone explains. It stays until an operator adopts or removes it.
 */
export interface Orphan__Output {
  'sessionId': (string);
  /**
   * when it was made
   */
  'generation': (number);
  /**
   * empty: none
   */
  'containerId': (string);
  /**
   * empty: none
   */
  'volume': (string);
  /**
   * of its label
   */
  'space': (string);
  /**
   * of its container, empty when unknown
   */
  'image': (string);
  /**
   * its container is frozen, and stays so when it is adopted
   */
  'paused': (boolean);
}
