// Original file: node.proto


/**
 * Nothing of the cluster needs this image any more. The node removes it unless it is in use here,
 * and sends its Images then.
 */
export interface RemoveImage {
  'image'?: (string);
}

/**
 * Nothing of the cluster needs this image any more. The node removes it unless it is in use here,
 * and sends its Images then.
 */
export interface RemoveImage__Output {
  'image': (string);
}
