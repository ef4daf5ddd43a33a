// Original file: node.proto


/**
 * The image of an assigned session is not on the node. The controller has it built again there, or answers ImageGone.
 */
export interface ImageMissing {
  'sessionId'?: (string);
  'image'?: (string);
}

/**
 * The image of an assigned session is not on the node. The controller has it built again there, or answers ImageGone.
 */
export interface ImageMissing__Output {
  'sessionId': (string);
  'image': (string);
}
