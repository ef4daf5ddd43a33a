/** Names and ids of the API. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/;
/** Prefixes of API keys. */
const KEY = /^(rwk|e2b)_/i;

/**
 * Returns whether a path segment can be a name. Anything else is left out of the audit record: it
 * could be a secret.
 */
export const isPlausibleName = (text: string): boolean => NAME.test(text) && !KEY.test(text);
