// Original file: node.proto


/**
 * Make an image of workstations, and give it this tag. Answered by ImageMoved, as a pull is.
 */
export interface MakeImage {
  /**
   * tag on the node
   */
  'image'?: (string);
  /**
   * "raworc/workstation", or the image that it is made from
   */
  'name'?: (string);
  /**
   * tag of the image that "raworc/workstation" is made from
   */
  'baseImage'?: (string);
}

/**
 * Make an image of workstations, and give it this tag. Answered by ImageMoved, as a pull is.
 */
export interface MakeImage__Output {
  /**
   * tag on the node
   */
  'image': (string);
  /**
   * "raworc/workstation", or the image that it is made from
   */
  'name': (string);
  /**
   * tag of the image that "raworc/workstation" is made from
   */
  'baseImage': (string);
}
