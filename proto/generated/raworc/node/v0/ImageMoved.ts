// Original file: node.proto


/**
 * A pull or push ended.
 */
export interface ImageMoved {
  'image'?: (string);
  'pushed'?: (boolean);
  /**
   * a clause for the operator; empty: it succeeded
   */
  'error'?: (string);
}

/**
 * A pull or push ended.
 */
export interface ImageMoved__Output {
  'image': (string);
  'pushed': (boolean);
  /**
   * a clause for the operator; empty: it succeeded
   */
  'error': (string);
}
