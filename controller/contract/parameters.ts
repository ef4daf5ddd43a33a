/** Parameters in the URL, as schemas: for checking and for the document. What does not fit is a 400. */
import { z } from 'zod';
import { accepted, type Outcome, refused } from '../domain/engine/outcome.ts';
import type { Query } from './query.ts';

/** Names in parameters are composed as names in bodies are. */
const once = z.string({ error: 'was sent more than once' }).normalize('NFC');

/** Sent at most once. Absent ones have no key. */
export const parameter = (description: string) => once.exactOptional().describe(description);

/** What `parse` makes of it; undefined where it does not fit, which `wanted` words. */
export const parsedParameter = <T>(parse: (sent: string) => T | undefined, wanted: string, description: string) =>
  once
    .transform((sent, context) => {
      const value = parse(sent);
      if (value !== undefined) return value;
      context.addIssue(wanted);
      return z.NEVER;
    })
    .exactOptional()
    .describe(description);

/** `true` or `false`. */
export const flagParameter = (description: string) =>
  z
    .stringbool({ truthy: ['true'], falsy: ['false'], error: 'must be true or false' })
    .meta({ override: { type: 'boolean' } })
    .exactOptional()
    .describe(description);

/** One of `words`, in any case. */
export const wordParameter = <const Words extends readonly string[]>(words: Words, description: string) =>
  once
    .transform((sent) => sent.toLowerCase())
    .pipe(z.enum(words, { error: `must be one of ${words.join(', ')}` }))
    .meta({ override: { type: 'string', enum: [...words] } })
    .exactOptional()
    .describe(description);

/** A whole number. */
export const wholeParameter = (least: number, most: number, description: string) =>
  once
    .regex(/^\d{1,16}$/, `must be a whole number from ${least} to ${most}`)
    .transform(Number)
    .pipe(z.int().min(least, `must be ${least} or more`).max(most, `must be at most ${most}`))
    .meta({ override: { type: 'integer', minimum: least, maximum: most } })
    .exactOptional()
    .describe(description);

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/** A time of RFC 3339 in Unix milliseconds; undefined for what is none. */
export function timeIn(sent: string): number | undefined {
  // A "+" that was not encoded arrives as a space.
  const text = sent.replace(' ', '+');
  const at = RFC_3339.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

export const timeParameter = (description: string) => parsedParameter(timeIn, 'must be a time of RFC 3339', description);

/** A 400 that names the first parameter at fault. */
export function checkQuery<Q>(schema: z.ZodType<Q>, query: Query): Outcome<Q> {
  // What node:querystring makes has no prototype, which zod does not take for an object.
  const result = schema.safeParse({ ...query });
  if (result.success) return accepted(result.data);
  const [first] = result.error.issues;
  return refused('BAD_REQUEST', `${first?.path.join('.') || 'A parameter'} ${first?.message ?? 'is not valid'}`);
}
