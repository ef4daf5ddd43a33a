// Original file: delivery.proto

import type { HopKind as _raworc_v0_HopKind, HopKind__Output as _raworc_v0_HopKind__Output } from '../../raworc/v0/HopKind.ts';
import type { Outcome as _raworc_v0_Outcome, Outcome__Output as _raworc_v0_Outcome__Output } from '../../raworc/v0/Outcome.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * One agent asked another within the turn of a user message, or handed it over. It travels in the
 * answer of that message, so that both are committed together.
 */
export interface Hop {
  /**
   * a UUID
   */
  'id'?: (string);
  /**
   * hop whose run asked; empty: the first run of the user message
   */
  'parentId'?: (string);
  'kind'?: (_raworc_v0_HopKind);
  'fromAgent'?: (string);
  'toAgent'?: (string);
  /**
   * empty: it was refused, or never began
   */
  'runId'?: (string);
  'content'?: (string);
  'answer'?: (string);
  'outcome'?: (_raworc_v0_Outcome);
  /**
   * of an ERROR: one of the reasons in guest/runs/reasons.ts
   */
  'reason'?: (string);
  /**
   * Unix milliseconds
   */
  'askedAtMs'?: (number | string | Long);
  /**
   * from asking until it began
   */
  'waitedMs'?: (number | string | Long);
  /**
   * of its run
   */
  'durationMs'?: (number | string | Long);
  /**
   * content or answer is cut in this record; the agents had all of it
   */
  'truncated'?: (boolean);
}

/**
 * One agent asked another within the turn of a user message, or handed it over. It travels in the
 * answer of that message, so that both are committed together.
 */
export interface Hop__Output {
  /**
   * a UUID
   */
  'id': (string);
  /**
   * hop whose run asked; empty: the first run of the user message
   */
  'parentId': (string);
  'kind': (_raworc_v0_HopKind__Output);
  'fromAgent': (string);
  'toAgent': (string);
  /**
   * empty: it was refused, or never began
   */
  'runId': (string);
  'content': (string);
  'answer': (string);
  'outcome': (_raworc_v0_Outcome__Output);
  /**
   * of an ERROR: one of the reasons in guest/runs/reasons.ts
   */
  'reason': (string);
  /**
   * Unix milliseconds
   */
  'askedAtMs': (number);
  /**
   * from asking until it began
   */
  'waitedMs': (number);
  /**
   * of its run
   */
  'durationMs': (number);
  /**
   * content or answer is cut in this record; the agents had all of it
   */
  'truncated': (boolean);
}
