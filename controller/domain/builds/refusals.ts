import { refused } from '../engine/outcome.ts';

export const NO_BUILD = refused('NOT_FOUND', 'No such build.');
