// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

export interface Limits {
  'cpuMillis'?: (number);
  'memoryBytes'?: (number | string | Long);
  'diskBytes'?: (number | string | Long);
  'processes'?: (number);
}

export interface Limits__Output {
  'cpuMillis': (number);
  'memoryBytes': (number);
  'diskBytes': (number);
  'processes': (number);
}
