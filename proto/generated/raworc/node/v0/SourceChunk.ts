// Original file: node.proto


export interface SourceChunk {
  'data'?: (Buffer | Uint8Array | string);
}

export interface SourceChunk__Output {
  'data': (Buffer);
}
