/** Begins the names of nodes that join during a run. */
export const JOINED = 'joined-';

/** Text of a join token here. */
export const joinLine = (id: string, secret: string): string => `${id} ${secret}`;
