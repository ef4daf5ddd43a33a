/** Names and ids as the API has them. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/;
/** How API keys begin. */
const KEY = /^(rwk|e2b)_/i;

/** Whether a word of a path can be the name of something. What cannot is left out of the audit record: somebody may have sent a secret there. */
export const isPlausibleName = (text: string): boolean => NAME.test(text) && !KEY.test(text);
