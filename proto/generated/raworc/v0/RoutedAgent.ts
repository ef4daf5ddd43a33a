// Original file: delivery.proto


export interface RoutedAgent {
  'name'?: (string);
  'purpose'?: (string);
  'description'?: (string);
  'capabilities'?: (string)[];
}

export interface RoutedAgent__Output {
  'name': (string);
  'purpose': (string);
  'description': (string);
  'capabilities': (string)[];
}
