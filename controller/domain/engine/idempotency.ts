import { type Mutation, put, type TableName, type Tables } from './mutation.ts';
import { accepted, type Outcome, refused } from './outcome.ts';
import type { RowView } from './view.ts';

/**
 * A client's Idempotency-Key, hashed with the caller's id under the store's key, and the hash of
 * the request.
 */
export interface KnownRequest {
  readonly id: string;
  readonly bodyHash: string;
}

/**
 * Returns the resource that the same request created before, presented by `show`; undefined for a
 * new request. Refuses with 422 if the key was used with another body, and with 404 if the resource
 * was deleted since.
 */
export function recall<Name extends TableName, Shown>(
  view: RowView,
  request: KnownRequest | undefined,
  [table, thing]: readonly [Name, string],
  show: (row: Tables[Name]) => Shown | undefined,
): Outcome<Shown> | undefined {
  const known = request === undefined ? undefined : view.get('idempotency', request.id);
  if (request === undefined || known === undefined) return undefined;
  if (known.bodyHash !== request.bodyHash)
    return refused('UNPROCESSABLE_ENTITY', 'This Idempotency-Key was used with a different request. Use a new key for a new request.');
  const row = view.get(table, known.madeId);
  const shown = row && show(row);
  return shown === undefined ? refused('NOT_FOUND', `The ${thing} that this Idempotency-Key created was deleted.`) : accepted(shown);
}

export function remember(request: KnownRequest | undefined, madeId: string, now: number): readonly Mutation[] {
  return request === undefined ? [] : [put('idempotency', { id: request.id, bodyHash: request.bodyHash, madeId, createdAt: now })];
}
