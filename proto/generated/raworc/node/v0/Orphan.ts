// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A container or volume with this node's label that no assignment and no tombstone names. It stays
 * until an operator adopts or removes it.
 */
export interface Orphan {
  'sessionId'?: (string);
  /**
   * at its creation
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
   * from its label
   */
  'space'?: (string);
  /**
   * of its container, empty when unknown
   */
  'image'?: (string);
  /**
   * the container is frozen; adoption keeps it so
   */
  'paused'?: (boolean);
}

/**
 * A container or volume with this node's label that no assignment and no tombstone names. It stays
 * until an operator adopts or removes it.
 */
export interface Orphan__Output {
  'sessionId': (string);
  /**
   * at its creation
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
   * from its label
   */
  'space': (string);
  /**
   * of its container, empty when unknown
   */
  'image': (string);
  /**
   * the container is frozen; adoption keeps it so
   */
  'paused': (boolean);
}
