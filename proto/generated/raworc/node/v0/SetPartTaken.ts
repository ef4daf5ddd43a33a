// Original file: node.proto


/**
 * The node took that part in. The controller sends few parts ahead of these.
 */
export interface SetPartTaken {
  'setId'?: (string);
  'part'?: (number);
}

/**
 * The node took that part in. The controller sends few parts ahead of these.
 */
export interface SetPartTaken__Output {
  'setId': (string);
  'part': (number);
}
