// Original file: delivery.proto

import type { Long } from '@grpc/proto-loader';

/**
 * An agent's code is about to see the message. Durable in the guest before it is sent.
 */
export interface RunStarted {
  'sessionId'?: (string);
  'generation'?: (number | string | Long);
  'messageId'?: (string);
  'runId'?: (string);
  'agent'?: (string);
}

/**
 * An agent's code is about to see the message. Durable in the guest before it is sent.
 */
export interface RunStarted__Output {
  'sessionId': (string);
  'generation': (number);
  'messageId': (string);
  'runId': (string);
  'agent': (string);
}
