// Original file: node.proto


/**
 * Nothing can bring this image back. Sessions that need it fail with the reason, one sentence for a person.
 */
export interface ImageGone {
  'image'?: (string);
  'reason'?: (string);
}

/**
 * Nothing can bring this image back. Sessions that need it fail with the reason, one sentence for a person.
 */
export interface ImageGone__Output {
  'image': (string);
  'reason': (string);
}
