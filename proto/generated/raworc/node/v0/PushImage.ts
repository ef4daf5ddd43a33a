// Original file: node.proto


/**
 * Push this image to the registry. Answered by ImageMoved; the controller learns the digest from
 * the registry.
 */
export interface PushImage {
  /**
   * tag on the node
   */
  'image'?: (string);
  'repository'?: (string);
  /**
   * in the registry
   */
  'tag'?: (string);
}

/**
 * Push this image to the registry. Answered by ImageMoved; the controller learns the digest from
 * the registry.
 */
export interface PushImage__Output {
  /**
   * tag on the node
   */
  'image': (string);
  'repository': (string);
  /**
   * in the registry
   */
  'tag': (string);
}
