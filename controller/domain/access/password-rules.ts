/** Of a new password, in characters as people count them. Older ones go on working. */
export const MIN_PASSWORD_LENGTH = 8;

/** Whether a password is long enough to be set. The same letters may be typed in two forms. */
export const isLongEnough = (password: string): boolean => [...password.normalize('NFC')].length >= MIN_PASSWORD_LENGTH;
