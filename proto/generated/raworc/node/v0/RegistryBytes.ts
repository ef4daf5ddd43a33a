// Original file: node.proto


export interface RegistryBytes {
  'data'?: (Buffer | Uint8Array | string);
}

export interface RegistryBytes__Output {
  'data': (Buffer);
}
