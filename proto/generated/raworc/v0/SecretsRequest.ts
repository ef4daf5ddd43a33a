// Original file: delivery.proto

import type { Long } from '@grpc/proto-loader';

/**
 * The guest needs this version of the secrets, or a newer one, to run a message. Nothing runs
 * before they arrive.
 */
export interface SecretsRequest {
  'sessionId'?: (string);
  'generation'?: (number | string | Long);
  'version'?: (number | string | Long);
}

/**
 * The guest needs this version of the secrets, or a newer one, to run a message. Nothing runs
 * before they arrive.
 */
export interface SecretsRequest__Output {
  'sessionId': (string);
  'generation': (number);
  'version': (number);
}
