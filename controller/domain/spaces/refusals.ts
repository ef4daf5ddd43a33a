import { refused } from '../engine/outcome.ts';

export const NO_SPACE = refused('NOT_FOUND', 'No such space.');
export const NO_SECRET = refused('NOT_FOUND', 'No such secret.');
