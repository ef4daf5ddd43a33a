/** Schemas of URL parameters, for validation and for the OpenAPI document. */
import { z } from 'zod';

/** Names in parameters are normalized like names in bodies. */
const once = z.string({ error: 'was sent more than once' }).normalize('NFC');

/** A parameter that is sent at most once. An absent one has no key. */
export const parameter = (description: string) => once.exactOptional().describe(description);

/**
 * A parameter converted by `parse`. If that returns undefined, the request is refused with
 * `problem`. `from` replaces the normalized string.
 */
export const parsedParameter = <T>(parse: (sent: string) => T | undefined, problem: string, description: string, from = once) =>
  from
    .transform((sent, context) => {
      const value = parse(sent);
      if (value !== undefined) return value;
      context.addIssue(problem);
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

/** An integer. */
export const wholeParameter = (least: number, most: number, description: string) =>
  wholeIn(least, most)
    .meta({ override: { type: 'integer', minimum: least, maximum: most } })
    .exactOptional()
    .describe(description);

/** An integer, or `byDefault` if it is not sent. */
export const defaultedParameter = (least: number, most: number, byDefault: number, description: string) =>
  wholeIn(least, most)
    .default(byDefault)
    .meta({
      override: { type: 'integer', minimum: least, ...(most < Number.MAX_SAFE_INTEGER ? { maximum: most } : {}), default: byDefault },
    })
    .describe(description);

function wholeIn(least: number, most: number) {
  const error = `must be an integer ${most < Number.MAX_SAFE_INTEGER ? `from ${least} to ${most}` : `of at least ${least}`}`;
  return once
    .transform((sent) => (/^\d{1,16}$/.test(sent) ? Number(sent) : Number.NaN))
    .pipe(z.int({ error }).min(least, error).max(most, error));
}

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/** Returns an RFC 3339 time as Unix milliseconds, or undefined for any other text. */
export function timeIn(sent: string): number | undefined {
  // A "+" that the client did not encode arrives as a space.
  const text = sent.replace(' ', '+');
  const at = RFC_3339.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

export const timeParameter = (description: string) => parsedParameter(timeIn, 'must be an RFC 3339 time', description);
