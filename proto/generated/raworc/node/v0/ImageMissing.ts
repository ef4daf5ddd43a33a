// Original file: node.proto


/**
 * The image of an assigned session is missing on the node. The controller has it rebuilt there, or
 * answers ImageGone.
 */
export interface ImageMissing {
  'sessionId'?: (string);
  'image'?: (string);
}

/**
 * The image of an assigned session is missing on the node. The controller has it rebuilt there, or
 * answers ImageGone.
 */
export interface ImageMissing__Output {
  'sessionId': (string);
  'image': (string);
}
