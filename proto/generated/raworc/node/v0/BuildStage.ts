// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

export interface BuildStage {
  /**
   * as in proto/build-stages.ts
   */
  'name'?: (string);
  /**
   * when it is over
   */
  'tookMs'?: (number | string | Long);
  'over'?: (boolean);
}

export interface BuildStage__Output {
  /**
   * as in proto/build-stages.ts
   */
  'name': (string);
  /**
   * when it is over
   */
  'tookMs': (number);
  'over': (boolean);
}
