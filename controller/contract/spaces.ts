import { z } from 'zod';
import { isReservedSecretName } from '../../proto/secret-names.ts';
import type { SecretObject, SpaceObject } from '../domain/spaces/space-objects.ts';
import { EVENTS_KEPT_S } from '../domain/spaces/space-settings.ts';
import { dropNulls, fields, name, prose, wording } from './fields.ts';
import { free, time } from './objects.ts';
import { flagParameter } from './parameters.ts';
import { limits, MAX_CPU, resources, timeouts } from './sessions.ts';

const MAX_SETTINGS_LENGTH = 64 * 1024;
const MAX_VALUE_BYTES = 64 * 1024;
const MAX_QUOTA = Number.MAX_SAFE_INTEGER;

/** Whatever a space is to say of itself; what Raworc knows of it must have its shape. */
function knowing<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.preprocess(dropNulls, z.looseObject(shape, { error: wording }));
}

const count = (most: number) => z.int({ error: wording }).min(0, 'must be 0 or more').max(most, `must be at most ${most}`);

const quotas = knowing({
  sessions: count(MAX_QUOTA).exactOptional(),
  cpu: z
    .number({ error: wording })
    .min(0, 'must be 0 or more')
    .max(MAX_CPU * 1024, `must be at most ${MAX_CPU * 1024}`)
    .exactOptional(),
  memory_bytes: count(MAX_QUOTA).exactOptional(),
  storage_bytes: count(MAX_QUOTA)
    .exactOptional()
    .describe('Of messages, events, secrets, sources of agents, and the disks of sessions, which count by their limits'),
});

const retention = knowing({
  events_s: z
    .int({ error: wording })
    .min(EVENTS_KEPT_S.least, `must be ${EVENTS_KEPT_S.least} or more`)
    .max(EVENTS_KEPT_S.most, `must be at most ${EVENTS_KEPT_S.most}`)
    .exactOptional(),
});

const settings = knowing({
  timeouts: timeouts.exactOptional(),
  resources: resources.exactOptional(),
  quotas: quotas.exactOptional().describe('Bounds of the whole space. Changing them needs spaces:update on all spaces'),
  maxima: limits
    .exactOptional()
    .describe('What one session may have at most, as in resources.limits. Changing it needs spaces:update on all spaces'),
  retention: retention.exactOptional(),
}).refine((sent) => JSON.stringify(sent).length <= MAX_SETTINGS_LENGTH, `must have at most ${MAX_SETTINGS_LENGTH} characters as JSON`);

const description = () => prose(4096);

export const createSpace = fields({
  name: name(),
  description: description().exactOptional(),
  settings: settings.exactOptional(),
});

/** A null clears the description; elsewhere it is as if it were absent. */
const withoutNulls = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key, inner]) => inner !== null || key === 'description'));
};

export const changeSpace = z.preprocess(
  withoutNulls,
  z.object(
    {
      name: z.string({ error: wording }).exactOptional().describe('Cannot be changed'),
      description: description().nullable().exactOptional(),
      settings: settings.exactOptional(),
      active: z.boolean({ error: wording }).exactOptional(),
    },
    { error: wording },
  ),
);

const value = z
  .string({ error: wording })
  .refine((sent) => !sent.includes('\0'), 'must hold no NUL: no environment variable can')
  .refine((sent) => sent.isWellFormed(), 'must be Unicode text')
  .refine((sent) => Buffer.byteLength(sent, 'utf8') <= MAX_VALUE_BYTES, `must have at most ${MAX_VALUE_BYTES} bytes in UTF-8`);

export const createSecret = fields({
  key_name: z
    .string({ error: wording })
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,254}$/, 'must start with a letter or _ and have at most 255 of A-Z a-z 0-9 _')
    .refine((sent) => !isReservedSecretName(sent), 'is reserved: programs run code or load files that a variable of this name points to'),
  value,
  description: description().exactOptional(),
});

export const changeSecret = z.preprocess(
  withoutNulls,
  z.object({ value: value.exactOptional(), description: description().nullable().exactOptional() }, { error: wording }),
);

export const spaceFilter = z.object({ active: flagParameter('Only spaces that are active, or only those that are not') });
export const showValues = z.object({ show_values: flagParameter('With the values; needs secrets:read-values') });

export const spaceObject = z
  .strictObject({
    name: z.string(),
    description: z.string().nullable(),
    settings: free(),
    active: z.boolean(),
    created_at: time(),
    updated_at: time(),
    created_by: z.string(),
  })
  .meta({ id: 'Space' }) satisfies z.ZodType<SpaceObject>;

export const secretObject = z
  .strictObject({
    space: z.string(),
    key_name: z.string(),
    description: z.string().nullable(),
    value: z.string().exactOptional().describe('Only where it was asked for'),
    created_at: time(),
    updated_at: time(),
    created_by: z.string(),
  })
  .meta({ id: 'Secret' }) satisfies z.ZodType<SecretObject>;
