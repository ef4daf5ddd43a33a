// Original file: delivery.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Opens a byte stream of this session. The guest dials a second connection to its socket, and the
 * node agent a ByteStream call to the controller. The first frame of each has the ticket: a secret,
 * valid once and for ten seconds.
 */
export interface OpenStream {
  'sessionId'?: (string);
  'generation'?: (number | string | Long);
  /**
   * 256 random bits, base64url
   */
  'ticket'?: (string);
  /**
   * what the guest connects the stream to: "logs"
   */
  'kind'?: (string);
  /**
   * depends on the kind, at most 64 KiB
   */
  'parametersJson'?: (string);
  /**
   * bytes that the guest can send before the controller grants more
   */
  'credit'?: (number | string | Long);
}

/**
 * Opens a byte stream of this session. The guest dials a second connection to its socket, and the
 * node agent a ByteStream call to the controller. The first frame of each has the ticket: a secret,
 * valid once and for ten seconds.
 */
export interface OpenStream__Output {
  'sessionId': (string);
  'generation': (number);
  /**
   * 256 random bits, base64url
   */
  'ticket': (string);
  /**
   * what the guest connects the stream to: "logs"
   */
  'kind': (string);
  /**
   * depends on the kind, at most 64 KiB
   */
  'parametersJson': (string);
  /**
   * bytes that the guest can send before the controller grants more
   */
  'credit': (number);
}
