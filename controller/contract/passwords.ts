/** Of a new password, in characters as people count them. Shorter passwords that were set before still work. */
export const MIN_PASSWORD_LENGTH = 8;
export const MAX_PASSWORD_LENGTH = 1024;

/** Whether a password is long enough to be set. The same letters can be typed in two forms. */
export const isLongEnough = (password: string): boolean => [...password.normalize('NFC')].length >= MIN_PASSWORD_LENGTH;
