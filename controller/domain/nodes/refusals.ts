import { refused } from '../engine/outcome.ts';

export const NO_NODE = refused('NOT_FOUND', 'No such node.');
