// Original file: delivery.proto

import type { Router as _raworc_v0_Router, Router__Output as _raworc_v0_Router__Output } from '../../raworc/v0/Router.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * A user message for the guest, in order of `seq`. Can arrive twice: the guest keeps the first. The
 * guest ignores a message whose predecessor it never received; the controller then sends both
 * again.
 */
export interface Deliver {
  'sessionId'?: (string);
  'generation'?: (number | string | Long);
  /**
   * Within the session, from 1, with gaps (replies and notes are numbered too).
   */
  'seq'?: (number | string | Long);
  'messageId'?: (string);
  /**
   * chosen by the controller
   */
  'agent'?: (string);
  'content'?: (string);
  /**
   * The handler's `context`: session_id, message_id, space, created_by, timestamp, metadata,
   * history.
   */
  'contextJson'?: (string);
  /**
   * seq of the newest earlier message without an answer; 0 if there is none
   */
  'afterSeq'?: (number | string | Long);
  /**
   * of the space's secrets at that time; it runs with this or a newer one
   */
  'secretsVersion'?: (number | string | Long);
  /**
   * Names of the agents that were active then, so that agents can be asked in its turn. Empty: from
   * a controller that does not name them.
   */
  'agents'?: (string)[];
  /**
   * set when `agent` is "@router": a model chooses
   */
  'router'?: (_raworc_v0_Router | null);
}

/**
 * A user message for the guest, in order of `seq`. Can arrive twice: the guest keeps the first. The
 * guest ignores a message whose predecessor it never received; the controller then sends both
 * again.
 */
export interface Deliver__Output {
  'sessionId': (string);
  'generation': (number);
  /**
   * Within the session, from 1, with gaps (replies and notes are numbered too).
   */
  'seq': (number);
  'messageId': (string);
  /**
   * chosen by the controller
   */
  'agent': (string);
  'content': (string);
  /**
   * The handler's `context`: session_id, message_id, space, created_by, timestamp, metadata,
   * history.
   */
  'contextJson': (string);
  /**
   * seq of the newest earlier message without an answer; 0 if there is none
   */
  'afterSeq': (number);
  /**
   * of the space's secrets at that time; it runs with this or a newer one
   */
  'secretsVersion': (number);
  /**
   * Names of the agents that were active then, so that agents can be asked in its turn. Empty: from
   * a controller that does not name them.
   */
  'agents': (string)[];
  /**
   * set when `agent` is "@router": a model chooses
   */
  'router': (_raworc_v0_Router__Output | null);
}
