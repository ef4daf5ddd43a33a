import { z } from 'zod';
import { fields, flag, type Infer, text, time, uuid } from '../fields.ts';
import { MAX_PASSWORD_LENGTH } from './passwords.ts';

export const login = fields({ user: text(255), pass: text(MAX_PASSWORD_LENGTH) });

export const logout = fields({ everywhere: flag().exactOptional().describe('Revokes every token of the account') });

export const tokenObject = z.strictObject({ token: z.string(), token_type: z.literal('Bearer'), expires_at: time() }).meta({ id: 'Token' });

/** Bounded: GET /role-bindings returns the rest. */
export const MAX_BINDINGS_SHOWN = 1000;

export const meObject = z
  .strictObject({
    user: z.string(),
    id: uuid(),
    type: z.enum(['ServiceAccount', 'User']),
    namespace: z.null(),
    roles: z.array(z.string()),
    role_bindings: z
      .array(z.strictObject({ role_name: z.string(), space: z.string().nullable() }))
      .describe(
        'Where each role applies. A null `space` means every space; those come first. At most 1,000: GET /role-bindings returns all',
      ),
  })
  .meta({ id: 'Me' });
export type MeObject = Infer<typeof meObject>;
