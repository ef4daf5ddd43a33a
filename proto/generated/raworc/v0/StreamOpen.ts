// Original file: delivery.proto


export interface StreamOpen {
  'ticket'?: (string);
}

export interface StreamOpen__Output {
  'ticket': (string);
}
