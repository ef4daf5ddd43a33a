// Original file: delivery.proto

import type { LiveWorker as _raworc_v0_LiveWorker, LiveWorker__Output as _raworc_v0_LiveWorker__Output } from '../../raworc/v0/LiveWorker.ts';

/**
 * All running agent processes of a session, sent whenever one starts or exits. Replaces the last
 * list.
 */
export interface Workers {
  'sessionId'?: (string);
  'workers'?: (_raworc_v0_LiveWorker)[];
  /**
   * 1 + the number of processes that keep the session from idling. 0: unknown, as from a guest that
   * is gone or too old.
   */
  'keptAwake'?: (number);
}

/**
 * All running agent processes of a session, sent whenever one starts or exits. Replaces the last
 * list.
 */
export interface Workers__Output {
  'sessionId': (string);
  'workers': (_raworc_v0_LiveWorker__Output)[];
  /**
   * 1 + the number of processes that keep the session from idling. 0: unknown, as from a guest that
   * is gone or too old.
   */
  'keptAwake': (number);
}
