import type { ParsedUrlQuery } from 'node:querystring';
import { accepted, type Outcome, refused } from '../domain/engine/outcome.ts';

export type Query = Readonly<ParsedUrlQuery>;

/** The one value of a parameter, undefined when it was not sent; sent twice, it is refused. */
export function single(query: Query, name: string): Outcome<string | undefined> {
  const value = query[name];
  if (Array.isArray(value)) return refused('BAD_REQUEST', `The parameter ${name} was sent more than once`);
  return accepted(value);
}

/** The values of the parameters that start with `prefix`, by what follows it. */
export function prefixed(query: Query, prefix: string): Outcome<Record<string, string>> {
  const found: Record<string, string> = Object.create(null);
  for (const name of Object.keys(query)) {
    if (!name.startsWith(prefix)) continue;
    if (name.length === prefix.length) return refused('BAD_REQUEST', `The parameter ${name} names no key`);
    const value = single(query, name);
    if (!value.ok) return value;
    if (value.value !== undefined) found[name.slice(prefix.length)] = value.value;
  }
  return accepted(found);
}

/** One of `words`, in any case; undefined when it was not sent. */
export function word<Word extends string>(query: Query, name: string, words: readonly Word[]): Outcome<Word | undefined> {
  const value = single(query, name);
  if (!value.ok) return value;
  if (value.value === undefined) return accepted(undefined);
  const lower = value.value.toLowerCase();
  const known = words.find((one) => one === lower);
  return known === undefined ? refused('BAD_REQUEST', `${name} must be one of ${words.join(', ')}`) : accepted(known);
}

/** `true` or `false`; false when it was not sent. */
export function flag(query: Query, name: string): Outcome<boolean> {
  const value = word(query, name, ['true', 'false']);
  return value.ok ? accepted(value.value === 'true') : value;
}
