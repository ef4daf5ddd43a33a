// Original file: delivery.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A byte stream of this session is wanted. The guest dials a second connection to its socket, and the node agent a call of its own to
 * the controller; the first frame of each is the ticket, which is a secret, good once and for ten seconds.
 */
export interface OpenStream {
  'sessionId'?: (string);
  'generation'?: (number | string | Long);
  /**
   * 256 random bits, base64url
   */
  'ticket'?: (string);
  /**
   * what the guest connects it to: "logs"
   */
  'kind'?: (string);
  /**
   * of that kind, at most 64 KiB
   */
  'parametersJson'?: (string);
  /**
   * bytes that the guest can send before the controller grants more
   */
  'credit'?: (number | string | Long);
}

/**
 * A byte stream of this session is wanted. The guest dials a second connection to its socket, and the node agent a call of its own to
 * the controller; the first frame of each is the ticket, which is a secret, good once and for ten seconds.
 */
export interface OpenStream__Output {
  'sessionId': (string);
  'generation': (number);
  /**
   * 256 random bits, base64url
   */
  'ticket': (string);
  /**
   * what the guest connects it to: "logs"
   */
  'kind': (string);
  /**
   * of that kind, at most 64 KiB
   */
  'parametersJson': (string);
  /**
   * bytes that the guest can send before the controller grants more
   */
  'credit': (number);
}
