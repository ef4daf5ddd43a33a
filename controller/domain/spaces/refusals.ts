import { refused } from '../engine/outcome.ts';
import type { SpaceRow } from './rows.ts';

export const NO_SPACE = refused('NOT_FOUND', 'No such space.');
export const NO_SECRET = refused('NOT_FOUND', 'No such secret.');

export const spaceInactive = ({ name }: Pick<SpaceRow, 'name'>) =>
  refused(
    'CONFLICT',
    `The space "${name}" is inactive and accepts no new sessions, messages or builds. Activate it first (PUT active: true).`,
  );
