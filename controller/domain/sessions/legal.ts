import type { SessionObject } from '../../contract/sessions.ts';
import type { Desired } from './rows.ts';

/** Requests on a session. `recover` is `PUT state init`. */
export type SessionRequest = 'message' | 'pause' | 'suspend' | 'resume' | 'recover' | 'remix' | 'delete';

/**
 * `unchanged`: succeeds without a change, because the session is already in that state. `wakes`:
 * accepted, and the session runs again.
 */
export type Legality = 'yes' | 'wakes' | 'unchanged' | 'conflict';

/**
 * Which requests are legal: this depends on the desired state only, never on the node's progress.
 * Commands read it, refusals list what it allows, and a test holds docs/life-cycle.md equal to it.
 * `remix` and `delete` are legal in every state, so no command reads those columns. To all
 * callers, a deleted session does not exist.
 */
export const LEGAL: Readonly<Record<Exclude<Desired, 'deleted'>, Readonly<Record<SessionRequest, Legality>>>> = {
  running: {
    message: 'yes',
    pause: 'yes',
    suspend: 'yes',
    resume: 'unchanged',
    recover: 'conflict',
    remix: 'yes',
    delete: 'yes',
  },
  paused: {
    message: 'wakes',
    pause: 'unchanged',
    suspend: 'yes',
    resume: 'yes',
    recover: 'conflict',
    remix: 'yes',
    delete: 'yes',
  },
  suspended: {
    message: 'wakes',
    pause: 'conflict',
    suspend: 'unchanged',
    resume: 'yes',
    recover: 'conflict',
    remix: 'yes',
    delete: 'yes',
  },
  failed: {
    message: 'conflict',
    pause: 'conflict',
    suspend: 'conflict',
    resume: 'conflict',
    recover: 'yes',
    remix: 'yes',
    delete: 'yes',
  },
};

/**
 * `PUT state` names the wanted state; this is the request that leads there. `busy` and `error`
 * cannot be requested.
 */
export const REQUEST_FOR_STATE: Readonly<Record<SessionObject['state'], 'pause' | 'suspend' | 'resume' | 'recover' | undefined>> = {
  paused: 'pause',
  suspended: 'suspend',
  idle: 'resume',
  init: 'recover',
  busy: undefined,
  error: undefined,
};

/** Returns the requests that this state allows, in REST's terms. */
export function allowedIn(desired: Exclude<Desired, 'deleted'>): string {
  const requests = Object.entries(LEGAL[desired]).filter(([, verdict]) => verdict === 'yes' || verdict === 'wakes');
  return requests.map(([request]) => (request === 'recover' ? 'recover (PUT state init)' : request)).join(', ');
}
