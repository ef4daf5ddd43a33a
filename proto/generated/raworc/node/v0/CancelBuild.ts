// Original file: node.proto


/**
 * This build is no longer wanted. The node ends it and removes what it left, also its image.
 */
export interface CancelBuild {
  'buildId'?: (string);
  'image'?: (string);
}

/**
 * This build is no longer wanted. The node ends it and removes what it left, also its image.
 */
export interface CancelBuild__Output {
  'buildId': (string);
  'image': (string);
}
