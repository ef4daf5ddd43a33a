import { createHmac } from 'node:crypto';
import type { KnownRequest } from '../../domain/engine/idempotency.ts';
import type { Caller, Idempotency } from './caller.ts';

/**
 * Returns an idempotency key as it is stored: hashed under the store's key together with the
 * caller, so that keys of different callers differ.
 */
export function knownRequest(storeKey: Uint8Array, caller: Caller, idempotency: Idempotency | undefined): KnownRequest | undefined {
  if (idempotency === undefined) return undefined;
  const id = createHmac('sha256', storeKey).update(`${caller.accountId}\n${idempotency.key}`).digest('base64url');
  const bodyHash = createHmac('sha256', storeKey).update(idempotency.body).digest('base64url');
  return { id, bodyHash };
}
