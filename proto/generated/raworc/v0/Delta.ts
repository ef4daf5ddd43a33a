// Original file: delivery.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Partial output of a run, numbered from 1. Never stored: the answer replaces it.
 */
export interface Delta {
  'sessionId'?: (string);
  'messageId'?: (string);
  'runId'?: (string);
  'agent'?: (string);
  'number'?: (number | string | Long);
  'text'?: (string);
}

/**
 * Partial output of a run, numbered from 1. Never stored: the answer replaces it.
 */
export interface Delta__Output {
  'sessionId': (string);
  'messageId': (string);
  'runId': (string);
  'agent': (string);
  'number': (number);
  'text': (string);
}
