// Original file: node.proto


export interface Images {
  'images'?: (string)[];
}

export interface Images__Output {
  'images': (string)[];
}
