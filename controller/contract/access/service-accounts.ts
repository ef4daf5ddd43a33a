import { z } from 'zod';
import { fields, flag, givenName, type Infer, nameUnlikeIds, prose, text, time, uuid } from '../fields.ts';
import { isLongEnough, MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH } from './passwords.ts';

const description = () => prose(4096);
const newPassword = () =>
  text(MAX_PASSWORD_LENGTH)
    .refine(isLongEnough, { error: `must have at least ${MIN_PASSWORD_LENGTH} characters` })
    .meta({ minLength: MIN_PASSWORD_LENGTH });
/** Accounts belong to no space. A space that is sent must exist, but has no effect. */
const space = () => givenName(255).min(1, 'must not be empty');

export const createAccount = fields({
  user: nameUnlikeIds(),
  pass: newPassword(),
  description: description().exactOptional(),
  space: space().exactOptional(),
});
export type CreateAccount = Infer<typeof createAccount>;

export const changeAccount = fields(
  {
    description: description().nullable().exactOptional(),
    active: flag().exactOptional(),
    space: space().exactOptional(),
  },
  ['description'],
);
export type ChangeAccount = Infer<typeof changeAccount>;

export const changePassword = fields({ current_password: text(MAX_PASSWORD_LENGTH).exactOptional(), new_password: newPassword() });
export type ChangePassword = Infer<typeof changePassword>;

export const accountObject = z
  .strictObject({
    id: uuid(),
    user: z.string(),
    space: z.null().describe('Always null: role bindings give an account its spaces'),
    description: z.string().nullable(),
    active: z.boolean(),
    created_at: time(),
    updated_at: time(),
    last_login_at: time().nullable(),
  })
  .meta({ id: 'ServiceAccount' });
export type AccountObject = Infer<typeof accountObject>;

export const passwordChanged = z.strictObject({ success: z.literal(true) }).meta({ id: 'PasswordChanged' });
