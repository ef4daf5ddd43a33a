// Original file: node.proto


/**
 * The node applied that part. The controller sends only a few parts ahead of these.
 */
export interface SetPartTaken {
  'setId'?: (string);
  'part'?: (number);
}

/**
 * The node applied that part. The controller sends only a few parts ahead of these.
 */
export interface SetPartTaken__Output {
  'setId': (string);
  'part': (number);
}
