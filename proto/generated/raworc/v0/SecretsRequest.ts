// Original file: delivery.proto

import type { Long } from '@grpc/proto-loader';

/**
 * The guest has a message to run that names a version which it does not hold. Nothing runs before it gets it.
 */
export interface SecretsRequest {
  'sessionId'?: (string);
  'generation'?: (number | string | Long);
  'version'?: (number | string | Long);
}

/**
 * The guest has a message to run that names a version which it does not hold. Nothing runs before it gets it.
 */
export interface SecretsRequest__Output {
  'sessionId': (string);
  'generation': (number);
  'version': (number);
}
