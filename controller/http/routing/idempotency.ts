import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { Idempotency } from '../../services/access/caller.ts';

const VISIBLE = /^[\x21-\x7e]{1,255}$/;

/**
 * Returns the Idempotency-Key with a canonical text of method, path and body, independent of key
 * order.
 */
export function idempotencyOf(header: string, method: string, path: string, body: unknown): Outcome<Idempotency | undefined> {
  if (header === '') return accepted(undefined);
  if (!VISIBLE.test(header)) return refused('BAD_REQUEST', 'Idempotency-Key must be 1 to 255 visible ASCII characters.');
  return accepted({ key: header, body: `${method} ${path}\n${canonicalJson(body)}` });
}

/** JSON with sorted keys. The depth of the body was bounded when it was read. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    const entries = Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1));
    // Object.fromEntries moves keys like "10" to the front: harmless, since it always does.
    return Object.fromEntries(entries);
  });
}
