// Original file: guest.proto

import type { Long } from '@grpc/proto-loader';

export interface GuestHello {
  'protocolVersion'?: (number);
  'guestVersion'?: (string);
  /**
   * as given to the container; the node agent compares it with the socket's own
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
   * which life of the session's memory this is: from 1, one more with each start of its guest
   */
  'life'?: (number | string | Long);
}

export interface GuestHello__Output {
  'protocolVersion': (number);
  'guestVersion': (string);
  /**
   * as given to the container; the node agent compares it with the socket's own
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
   * which life of the session's memory this is: from 1, one more with each start of its guest
   */
  'life': (number);
}
