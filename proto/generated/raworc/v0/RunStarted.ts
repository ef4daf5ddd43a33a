// Original file: delivery.proto

import type { Long } from '@grpc/proto-loader';

/**
 * An agent is about to receive the message. The guest stores this durably before sending it.
 */
export interface RunStarted {
  'sessionId'?: (string);
  'generation'?: (number | string | Long);
  'messageId'?: (string);
  'runId'?: (string);
  'agent'?: (string);
}

/**
 * An agent is about to receive the message. The guest stores this durably before sending it.
 */
export interface RunStarted__Output {
  'sessionId': (string);
  'generation': (number);
  'messageId': (string);
  'runId': (string);
  'agent': (string);
}
