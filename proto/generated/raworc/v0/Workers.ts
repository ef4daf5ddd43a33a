// Original file: delivery.proto

import type { LiveWorker as _raworc_v0_LiveWorker, LiveWorker__Output as _raworc_v0_LiveWorker__Output } from '../../raworc/v0/LiveWorker.ts';

/**
 * All agents' processes that live in a session, whenever one has begun or ended. Takes the place of what was said before.
 */
export interface Workers {
  'sessionId'?: (string);
  'workers'?: (_raworc_v0_LiveWorker)[];
}

/**
 * All agents' processes that live in a session, whenever one has begun or ended. Takes the place of what was said before.
 */
export interface Workers__Output {
  'sessionId': (string);
  'workers': (_raworc_v0_LiveWorker__Output)[];
}
