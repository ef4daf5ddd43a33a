// Original file: delivery.proto

import type { Runtime as _raworc_v0_Runtime, Runtime__Output as _raworc_v0_Runtime__Output } from '../../raworc/v0/Runtime.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * A program of the space that can answer messages in a session. `name` is its directory below
 * /opt/raworc/agents.
 */
export interface AgentSpec {
  'name'?: (string);
  'runtime'?: (_raworc_v0_Runtime);
  /**
   * "main.process_message"
   */
  'handler'?: (string);
  /**
   * a run that a crash interrupts can run again
   */
  'idempotent'?: (boolean);
  /**
   * time limit of a run; 0: the guest's own
   */
  'timeoutS'?: (number);
  /**
   * limit of each worker's processes together; 0: only that of the session
   */
  'memoryBytes'?: (number | string | Long);
  /**
   * messages that it answers at once; 0: one
   */
  'concurrency'?: (number);
}

/**
 * A program of the space that can answer messages in a session. `name` is its directory below
 * /opt/raworc/agents.
 */
export interface AgentSpec__Output {
  'name': (string);
  'runtime': (_raworc_v0_Runtime__Output);
  /**
   * "main.process_message"
   */
  'handler': (string);
  /**
   * a run that a crash interrupts can run again
   */
  'idempotent': (boolean);
  /**
   * time limit of a run; 0: the guest's own
   */
  'timeoutS': (number);
  /**
   * limit of each worker's processes together; 0: only that of the session
   */
  'memoryBytes': (number);
  /**
   * messages that it answers at once; 0: one
   */
  'concurrency': (number);
}
