import { z } from 'zod';
import { isReservedSecretName } from '../../proto/secret-names.ts';
import { fields, type Infer, prose, time, wording } from './fields.ts';
import { flagParameter } from './parameters.ts';

const MAX_VALUE_BYTES = 64 * 1024;
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,254}$/;

/** Whether a secret can have this name. */
export const isSecretName = (sent: string): boolean => NAME.test(sent) && !isReservedSecretName(sent);

const value = z
  .string({ error: wording })
  .refine((sent) => !sent.includes('\0'), 'must not contain a NUL character: environment variables cannot hold one')
  .refine((sent) => sent.isWellFormed(), 'must be valid Unicode')
  .refine((sent) => Buffer.byteLength(sent, 'utf8') <= MAX_VALUE_BYTES, `must have at most ${MAX_VALUE_BYTES} bytes in UTF-8`);

const description = () => prose(4096);

/** The name of a secret. */
export const secretKey = () =>
  z
    .string({ error: wording })
    .regex(NAME, 'must start with a letter or _ and have at most 255 of A-Z a-z 0-9 _')
    .refine((sent) => !isReservedSecretName(sent), 'is reserved: a variable with this name makes programs run code or load files');

export const createSecret = fields({
  key_name: secretKey(),
  value,
  description: description().exactOptional(),
});
export type CreateSecret = Infer<typeof createSecret>;

export const changeSecret = fields({ value: value.exactOptional(), description: description().nullable().exactOptional() }, [
  'description',
]);
export type ChangeSecret = Infer<typeof changeSecret>;

export const showValues = z.object({ show_values: flagParameter('Includes the values. Needs secrets:read-values') });
export type ShowValues = Infer<typeof showValues>;

export const secretObject = z
  .strictObject({
    space: z.string(),
    key_name: z.string(),
    description: z.string().nullable(),
    value: z.string().exactOptional().describe('Present only with `show_values=true`'),
    created_at: time(),
    updated_at: time(),
    created_by: z.string(),
  })
  .meta({ id: 'Secret' });
export type SecretObject = Infer<typeof secretObject>;
