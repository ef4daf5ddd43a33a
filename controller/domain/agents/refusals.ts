import { refused } from '../engine/outcome.ts';

export const NO_AGENT = refused('NOT_FOUND', 'No such agent.');
