// Original file: node.proto


/**
 * Pull an image from the registry, and give it this tag. Answered by ImageMoved.
 */
export interface PullImage {
  /**
   * tag on the node
   */
  'image'?: (string);
  'repository'?: (string);
  /**
   * "sha256:…", of the manifest
   */
  'digest'?: (string);
}

/**
 * Pull an image from the registry, and give it this tag. Answered by ImageMoved.
 */
export interface PullImage__Output {
  /**
   * tag on the node
   */
  'image': (string);
  'repository': (string);
  /**
   * "sha256:…", of the manifest
   */
  'digest': (string);
}
