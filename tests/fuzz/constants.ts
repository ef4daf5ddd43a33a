/** The one password that every account of the fuzz has, so that whoever changes it to this one locks nobody out. */
export const PASSWORD = 'a password of the fuzz';
export const IMAGE = 'raworc/session:fuzz';
export const BASE = '/api/v0';
/** No answer may take longer. */
export const LIMIT_MS = 20_000;
