import { z } from 'zod';
import { isPlainName, isPlainText } from '../../seams/terminal-text.ts';
import { accepted, type Outcome, refused } from '../domain/engine/outcome.ts';

export interface Problem {
  /** Where, as "resources.limits.cpu"; "" for the whole body. */
  readonly path: string;
  readonly problem: string;
}

/** Parses a body by its schema: 422 with the path and problem of each fault. */
export function checkBody<Body>(schema: z.ZodType<Body>, body: unknown): Outcome<Body> {
  const result = schema.safeParse(body);
  if (result.success) return accepted(result.data);
  const problems = result.error.issues.map(problemOf);
  const first = problems[0];
  const where = first === undefined || first.path === '' ? 'The body' : first.path;
  return refused('UNPROCESSABLE_ENTITY', `${where}: ${first?.problem ?? 'is not valid'}`, problems);
}

function problemOf(issue: z.core.$ZodIssue): Problem {
  return { path: issue.path.join('.'), problem: issue.message };
}

/** Words for a person instead of zod's; a field that is not there is `missing` and not "of type undefined". */
const wording: z.core.$ZodErrorMap = (issue) => {
  if (issue.code === 'invalid_type') return issue.input === undefined ? 'is missing' : `must be ${article(issue.expected)}`;
  return undefined;
};

function article(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

/**
 * An object whose unknown fields are dropped and whose `null` fields are absent. Optional fields are written with
 * `.exactOptional()`, so that absent ones have no key.
 */
export function fields<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.preprocess(dropNulls, z.object(shape, { error: wording }));
}

function dropNulls(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (!Object.values(value).includes(null)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== null));
}

/** Names of spaces, agents, users, roles. */
export const name = () =>
  z
    .string({ error: wording })
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, 'must start with a letter or digit and have at most 63 of A-Z a-z 0-9 _ . -');

export const text = (maxLength: number) => z.string({ error: wording }).max(maxLength, `must have at most ${maxLength} characters`);

/** Half of a surrogate pair would be kept as another character than was answered, and one name for many. */
const isUnicode = (sent: string): boolean => sent.isWellFormed();

/** Prose for people: nothing in it that a terminal would act on. */
export const prose = (maxLength: number) =>
  text(maxLength)
    .refine(isUnicode, 'must be Unicode text')
    .refine(isPlainText, 'must hold no control characters but tabs and newlines, and none that change the direction of text');

/** A name that people give: one that looks the same is the same, however it was composed (NFC), and nothing in it is invisible. */
export const givenName = (maxLength: number) =>
  z
    .string({ error: wording })
    .normalize('NFC')
    .max(maxLength, `must have at most ${maxLength} characters`)
    .refine(isUnicode, 'must be Unicode text')
    .refine(isPlainName, 'must hold no control characters, and none that are invisible or change the direction of text');

/** An object of the client's own, kept as it is. */
export const metadata = () => z.record(z.string(), z.unknown(), { error: () => 'must be an object' });

const MAX_SESSION_METADATA = 64 * 1024;

/** Of a session: each event of its state holds them again. */
export const sessionMetadata = () =>
  metadata().refine(
    (sent) => Buffer.byteLength(JSON.stringify(sent)) <= MAX_SESSION_METADATA,
    `must have at most ${MAX_SESSION_METADATA} bytes as JSON`,
  );

export { dropNulls, wording };
