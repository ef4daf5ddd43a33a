// Original file: delivery.proto

import type { Long } from '@grpc/proto-loader';

/**
 * The user cancelled this message. A run that has not begun never does, and one in progress is
 * interrupted after the grace. An answer that exists stays the answer. Idempotent; can arrive before
 * the message.
 */
export interface CancelMessage {
  'sessionId'?: (string);
  'messageId'?: (string);
  'seq'?: (number | string | Long);
  'graceMs'?: (number | string | Long);
}

/**
 * The user cancelled this message. A run that has not begun never does, and one in progress is
 * interrupted after the grace. An answer that exists stays the answer. Idempotent; can arrive before
 * the message.
 */
export interface CancelMessage__Output {
  'sessionId': (string);
  'messageId': (string);
  'seq': (number);
  'graceMs': (number);
}
