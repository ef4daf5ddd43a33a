// Original file: delivery.proto

import type { Outcome as _raworc_v0_Outcome, Outcome__Output as _raworc_v0_Outcome__Output } from '../../raworc/v0/Outcome.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * The one answer to a message. Sent again until it is settled.
 */
export interface Answer {
  'sessionId'?: (string);
  'generation'?: (number | string | Long);
  'messageId'?: (string);
  /**
   * empty when nothing ran
   */
  'runId'?: (string);
  'agent'?: (string);
  'outcome'?: (_raworc_v0_Outcome);
  /**
   * at most 1 MiB of UTF-8
   */
  'content'?: (string);
  /**
   * of an ERROR, a word of a closed list: see guest/runs/reasons.ts
   */
  'reason'?: (string);
  'durationMs'?: (number | string | Long);
}

/**
 * The one answer to a message. Sent again until it is settled.
 */
export interface Answer__Output {
  'sessionId': (string);
  'generation': (number);
  'messageId': (string);
  /**
   * empty when nothing ran
   */
  'runId': (string);
  'agent': (string);
  'outcome': (_raworc_v0_Outcome__Output);
  /**
   * at most 1 MiB of UTF-8
   */
  'content': (string);
  /**
   * of an ERROR, a word of a closed list: see guest/runs/reasons.ts
   */
  'reason': (string);
  'durationMs': (number);
}
