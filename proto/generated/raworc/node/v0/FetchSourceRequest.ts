// Original file: node.proto


export interface FetchSourceRequest {
  'digest'?: (string);
}

export interface FetchSourceRequest__Output {
  'digest': (string);
}
