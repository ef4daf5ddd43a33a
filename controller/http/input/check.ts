import type { ParsedUrlQuery } from 'node:querystring';
import type { z } from 'zod';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';

export type Query = Readonly<ParsedUrlQuery>;

/** Parses a body by its schema. 422 with the path and problem of each invalid field. */
export function checkBody<Body>(schema: z.ZodType<Body>, body: unknown): Outcome<Body> {
  const result = schema.safeParse(body);
  if (result.success) return accepted(result.data);
  // A path reads "resources.limits.cpu"; "" is the whole body.
  const problems = result.error.issues.map(({ path, message }) => ({ path: path.join('.'), problem: message }));
  const [first] = problems;
  return refused('UNPROCESSABLE_ENTITY', `${first?.path || 'The body'}: ${first?.problem ?? 'is invalid'}`, problems);
}

/** Parses parameters by their schema. 400 with the first invalid parameter. */
export function checkQuery<Q>(schema: z.ZodType<Q>, query: Query): Outcome<Q> {
  // zod rejects the object of node:querystring, which has no prototype.
  const result = schema.safeParse({ ...query });
  if (result.success) return accepted(result.data);
  const [first] = result.error.issues;
  return refused('BAD_REQUEST', `${first?.path.join('.') || 'A parameter'} ${first?.message ?? 'is invalid'}`);
}
