import { refused } from '../engine/outcome.ts';

export const NO_AGENT = refused('NOT_FOUND', 'There is no agent of this name in the space.');
