/** For new passwords, in characters as people count them. Existing shorter passwords still work. */
export const MIN_PASSWORD_LENGTH = 8;
export const MAX_PASSWORD_LENGTH = 1024;

/** Returns whether a new password is long enough. The same letters can be typed in two forms. */
export const isLongEnough = (password: string): boolean => [...password.normalize('NFC')].length >= MIN_PASSWORD_LENGTH;
