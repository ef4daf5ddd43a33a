import { refused } from '../engine/outcome.ts';

export const NO_SESSION = refused('NOT_FOUND', 'No such session.');
