// Original file: node.proto


/**
 * This image cannot be rebuilt. Sessions that need it fail with the reason, one sentence for the
 * operator.
 */
export interface ImageGone {
  'image'?: (string);
  'reason'?: (string);
}

/**
 * This image cannot be rebuilt. Sessions that need it fail with the reason, one sentence for the
 * operator.
 */
export interface ImageGone__Output {
  'image': (string);
  'reason': (string);
}
