// Original file: delivery.proto

import type { Outcome as _raworc_v0_Outcome, Outcome__Output as _raworc_v0_Outcome__Output } from '../../raworc/v0/Outcome.ts';
import type { Hop as _raworc_v0_Hop, Hop__Output as _raworc_v0_Hop__Output } from '../../raworc/v0/Hop.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * The only answer to a message. The guest sends it until it is settled.
 */
export interface Answer {
  'sessionId'?: (string);
  'generation'?: (number | string | Long);
  'messageId'?: (string);
  /**
   * empty when no agent ran
   */
  'runId'?: (string);
  'agent'?: (string);
  'outcome'?: (_raworc_v0_Outcome);
  /**
   * at most 1 MiB of UTF-8
   */
  'content'?: (string);
  /**
   * of an ERROR: one of the reasons in guest/runs/reasons.ts
   */
  'reason'?: (string);
  'durationMs'?: (number | string | Long);
  /**
   * What agents asked of one another in the turn of the message, in the order in which they asked.
   */
  'hops'?: (_raworc_v0_Hop)[];
  /**
   * of a REPLY that a model gave instead of an agent
   */
  'model'?: (string);
}

/**
 * The only answer to a message. The guest sends it until it is settled.
 */
export interface Answer__Output {
  'sessionId': (string);
  'generation': (number);
  'messageId': (string);
  /**
   * empty when no agent ran
   */
  'runId': (string);
  'agent': (string);
  'outcome': (_raworc_v0_Outcome__Output);
  /**
   * at most 1 MiB of UTF-8
   */
  'content': (string);
  /**
   * of an ERROR: one of the reasons in guest/runs/reasons.ts
   */
  'reason': (string);
  'durationMs': (number);
  /**
   * What agents asked of one another in the turn of the message, in the order in which they asked.
   */
  'hops': (_raworc_v0_Hop__Output)[];
  /**
   * of a REPLY that a model gave instead of an agent
   */
  'model': (string);
}
