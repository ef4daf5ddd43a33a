import { type Refused, refused } from '../engine/outcome.ts';

export const NO_ACCOUNT = refused('NOT_FOUND', 'No such service account.');
export const NO_ROLE = refused('NOT_FOUND', 'No such role.');
export const NO_BINDING = refused('NOT_FOUND', 'No such role binding.');
export const NO_KEY = refused('NOT_FOUND', 'No such API key.');

export const LAST_ADMIN = refused(
  'CONFLICT',
  'This is the last active account with the role admin in every space. Give that role to another account first.',
);

/** Rights changed after the check of the request. The receiver checks again. */
export const STALE: Refused = {
  ok: false,
  refusal: {
    ...refused('RATE_LIMITED', 'Permissions kept changing while this request waited. Retry in a second.', { retry_after_s: 1 }).refusal,
    stale: true,
  },
};
