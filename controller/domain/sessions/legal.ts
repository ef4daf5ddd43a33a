import type { SessionObject } from '../../contract/sessions.ts';
import type { Desired } from './rows.ts';

/** What may be asked of a session. `recover` is `PUT state init`. */
export type SessionRequest = 'message' | 'pause' | 'suspend' | 'resume' | 'recover' | 'remix' | 'delete';

/** `unchanged`: answered as if done, since it is so already. `wakes`: taken, and the session is to run again. */
export type Verdict = 'yes' | 'wakes' | 'unchanged' | 'conflict';

/**
 * Whether a request is legal depends on what the session should be, never on how far its node has got. The one table of
 * it: code, tests and documentation read this. A deleted session is there for nobody.
 */
export const LEGAL: Readonly<Record<Exclude<Desired, 'deleted'>, Readonly<Record<SessionRequest, Verdict>>>> = {
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

/** `PUT state` names the state that is wanted, and stands for the request that leads there. `busy` and `error` cannot be asked for. */
export const REQUEST_FOR_STATE: Readonly<Record<SessionObject['state'], 'pause' | 'suspend' | 'resume' | 'recover' | undefined>> = {
  paused: 'pause',
  suspended: 'suspend',
  idle: 'resume',
  init: 'recover',
  busy: undefined,
  error: undefined,
};

/** What a session in this state may be asked for, in the words of REST. */
export function allowedIn(desired: Exclude<Desired, 'deleted'>): string {
  const requests = Object.entries(LEGAL[desired]).filter(([, verdict]) => verdict === 'yes' || verdict === 'wakes');
  return requests.map(([request]) => (request === 'recover' ? 'recover (PUT state init)' : request)).join(', ');
}
