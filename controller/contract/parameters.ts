/** Parameters in the URL, as schemas: for checking and for the document. */
import { z } from 'zod';

/** Names in parameters are normalized as names in bodies are. */
const once = z.string({ error: 'was sent more than once' }).normalize('NFC');

/** Sent at most once. Absent parameters have no key. */
export const parameter = (description: string) => once.exactOptional().describe(description);

/** A parameter that `parse` turns into a value. Where it returns undefined, the request is refused with `problem`. */
export const parsedParameter = <T>(parse: (sent: string) => T | undefined, problem: string, description: string) =>
  once
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

/** A whole number. */
export const wholeParameter = (least: number, most: number, description: string) =>
  wholeIn(least, most)
    .meta({ override: { type: 'integer', minimum: least, maximum: most } })
    .exactOptional()
    .describe(description);

/** A whole number; `byDefault` when it is not sent. */
export const defaultedParameter = (least: number, most: number, byDefault: number, description: string) =>
  wholeIn(least, most)
    .default(byDefault)
    .meta({
      override: { type: 'integer', minimum: least, ...(most < Number.MAX_SAFE_INTEGER ? { maximum: most } : {}), default: byDefault },
    })
    .describe(description);

function wholeIn(least: number, most: number) {
  const error = `must be a whole number ${most < Number.MAX_SAFE_INTEGER ? `from ${least} to ${most}` : `of at least ${least}`}`;
  return once
    .transform((sent) => (/^\d{1,16}$/.test(sent) ? Number(sent) : Number.NaN))
    .pipe(z.int({ error }).min(least, error).max(most, error));
}

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/** A time of RFC 3339 in Unix milliseconds; undefined for anything else. */
export function timeIn(sent: string): number | undefined {
  // A "+" that was not encoded arrives as a space.
  const text = sent.replace(' ', '+');
  const at = RFC_3339.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

export const timeParameter = (description: string) => parsedParameter(timeIn, 'must be an RFC 3339 time', description);
