// Original file: guest.proto

import type { Long } from '@grpc/proto-loader';

export interface GuestHello {
  'protocolVersion'?: (number);
  'guestVersion'?: (string);
  /**
   * From the container's environment; the node agent compares it with the socket's session.
   */
  'sessionId'?: (string);
  /**
   * the highest seq in the inbox, 0 when new
   */
  'acceptedSeq'?: (number | string | Long);
  /**
   * answers that follow the welcome
   */
  'unsettled'?: (number);
  /**
   * Starts of the session's guest, from 1: tells a new life of its memory from the old.
   */
  'life'?: (number | string | Long);
  /**
   * Whether the guest understands open_stream. A guest outlives upgrades of its node agent.
   */
  'streams'?: (boolean);
  /**
   * whether the guest understands cancel_message
   */
  'cancels'?: (boolean);
}

export interface GuestHello__Output {
  'protocolVersion': (number);
  'guestVersion': (string);
  /**
   * From the container's environment; the node agent compares it with the socket's session.
   */
  'sessionId': (string);
  /**
   * the highest seq in the inbox, 0 when new
   */
  'acceptedSeq': (number);
  /**
   * answers that follow the welcome
   */
  'unsettled': (number);
  /**
   * Starts of the session's guest, from 1: tells a new life of its memory from the old.
   */
  'life': (number);
  /**
   * Whether the guest understands open_stream. A guest outlives upgrades of its node agent.
   */
  'streams': (boolean);
  /**
   * whether the guest understands cancel_message
   */
  'cancels': (boolean);
}
