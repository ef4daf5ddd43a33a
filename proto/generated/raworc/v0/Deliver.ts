// Original file: delivery.proto

import type { Long } from '@grpc/proto-loader';

/**
 * One user message for the guest. Comes in order of `seq`, and may come twice: the guest keeps the first.
 * One whose predecessor the guest never saw is passed over, without a word: both are sent again.
 */
export interface Deliver {
  'sessionId'?: (string);
  'generation'?: (number | string | Long);
  /**
   * within the session, from 1, with gaps (replies and notes are numbered too)
   */
  'seq'?: (number | string | Long);
  'messageId'?: (string);
  /**
   * chosen by the controller
   */
  'agent'?: (string);
  'content'?: (string);
  /**
   * what the handler gets as `context`: session_id, message_id, space, created_by, timestamp, metadata, history
   */
  'contextJson'?: (string);
  /**
   * of the newest message before it that has no answer yet, 0 when there is none
   */
  'afterSeq'?: (number | string | Long);
  /**
   * of the space's secrets when this was sent: it runs with these or newer ones
   */
  'secretsVersion'?: (number | string | Long);
}

/**
 * One user message for the guest. Comes in order of `seq`, and may come twice: the guest keeps the first.
 * One whose predecessor the guest never saw is passed over, without a word: both are sent again.
 */
export interface Deliver__Output {
  'sessionId': (string);
  'generation': (number);
  /**
   * within the session, from 1, with gaps (replies and notes are numbered too)
   */
  'seq': (number);
  'messageId': (string);
  /**
   * chosen by the controller
   */
  'agent': (string);
  'content': (string);
  /**
   * what the handler gets as `context`: session_id, message_id, space, created_by, timestamp, metadata, history
   */
  'contextJson': (string);
  /**
   * of the newest message before it that has no answer yet, 0 when there is none
   */
  'afterSeq': (number);
  /**
   * of the space's secrets when this was sent: it runs with these or newer ones
   */
  'secretsVersion': (number);
}
