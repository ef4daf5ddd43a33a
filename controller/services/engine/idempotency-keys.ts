import { createHmac } from 'node:crypto';
import type { KnownRequest } from '../../domain/engine/idempotency.ts';
import type { Caller, Idempotency } from '../access/caller.ts';

/**
 * Hashes a client's key for storage, together with the caller and under the store's own key, so
 * that no two callers share one.
 */
export function knownRequest(storeKey: Uint8Array, caller: Caller, idempotency: Idempotency | undefined): KnownRequest | undefined {
  if (idempotency === undefined) return undefined;
  const id = createHmac('sha256', storeKey).update(`${caller.accountId}\n${idempotency.key}`).digest('base64url');
  const bodyHash = createHmac('sha256', storeKey).update(idempotency.body).digest('base64url');
  return { id, bodyHash };
}
