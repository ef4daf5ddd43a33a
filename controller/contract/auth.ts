import { fields, text } from './fields.ts';

const MAX_PASSWORD_LENGTH = 1024;

export const login = fields({ user: text(255), pass: text(MAX_PASSWORD_LENGTH) });
