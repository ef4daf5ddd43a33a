import { type Mutation, put } from './mutation.ts';
import { type Outcome, refused } from './outcome.ts';
import type { View } from './view.ts';

/** A client's Idempotency-Key, hashed with the caller's id under the store's key, and the hash of what was asked. */
export interface KnownRequest {
  readonly id: string;
  readonly bodyHash: string;
}

/** The id that this very request made before; undefined when it is new. Refuses a key that came with another body. */
export function recall(view: View, request: KnownRequest | undefined): Outcome<string> | undefined {
  const row = request === undefined ? undefined : view.get('idempotency', request.id);
  if (request === undefined || row === undefined) return undefined;
  if (row.bodyHash === request.bodyHash) return { ok: true, value: row.madeId };
  return refused('UNPROCESSABLE_ENTITY', 'This Idempotency-Key came before with another request: use a new key for a new request.');
}

export function remember(request: KnownRequest | undefined, madeId: string, now: number): readonly Mutation[] {
  return request === undefined ? [] : [put('idempotency', { id: request.id, bodyHash: request.bodyHash, madeId, createdAt: now })];
}
