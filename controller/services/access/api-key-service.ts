import { createHash } from 'node:crypto';
import type { Clock } from '../../../seams/clock.ts';
import type { Random } from '../../../seams/random.ts';
import type { CreateApiKey, NewApiKeyObject } from '../../contract/access/api-keys.ts';
import type { PageRequest } from '../../contract/pages.ts';
import { apiKeyObject } from '../../domain/access/access-objects.ts';
import { createApiKey, removeApiKey } from '../../domain/access/commands/api-keys.ts';
import { NO_KEY } from '../../domain/access/refusals.ts';
import type { SpaceId } from '../../domain/engine/ids.ts';
import { accepted, hidden, mapped, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { NO_SPACE } from '../../domain/spaces/refusals.ts';
import type { Applier } from '../engine/applier.ts';
import type { Lists } from '../engine/lists.ts';
import { forbidden } from './access.ts';
import type { Caller } from './caller.ts';
import { e2bForm, KEY_BYTES, keyOf } from './key-forms.ts';
import type { KeyUse } from './key-use.ts';
import type { Proof } from './proof.ts';

export type ApiKeys = ReturnType<typeof apiKeyService>;

export interface ApiKeyDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly lists: Lists;
  readonly keyUse: KeyUse;
  readonly clock: Clock;
  readonly random: Random;
}

/** Manages the caller's API keys. Keys are random, so a fast hash without a salt is safe. */
export function apiKeyService({ applier, view, lists, keyUse, clock, random }: ApiKeyDeps) {
  return {
    async list(caller: Caller, page: PageRequest) {
      if (!caller.permissions.allowsOwn('service-accounts', 'get', caller.user, caller.accountId))
        return forbidden('service-accounts', 'get');
      const { items, total } = await lists.rows('apiKeys', { accountId: caller.accountId }, page);
      const keys = items.map((row) => apiKeyObject(view, { ...row, lastUsedAt: keyUse.lastUsedAt(row.id, row.lastUsedAt) }));
      return accepted({ items: keys, total });
    },
    /**
     * Creates a key; only this answer contains it. A key created with another key cannot have more
     * permissions, cannot expire later, and is revoked together with it.
     */
    async create(caller: Caller, proof: Proof, { name, expires_at, ...input }: CreateApiKey): Promise<Outcome<NewApiKeyObject>> {
      const { accountId, permissions } = caller;
      const rules = input.rules ?? null;
      if (!permissions.allowsOwn('service-accounts', 'update', caller.user, accountId)) return forbidden('service-accounts', 'update');
      if (!permissions.coversKey(rules)) {
        return refused(
          'FORBIDDEN',
          'A new key cannot have more permissions than the key that creates it. Send rules within the rules of that key.',
        );
      }
      const space = spaceOf(view, caller, input.space);
      if (!space.ok) return space;
      const expiresAt = expires_at === undefined ? null : Date.parse(expires_at);
      if (expiresAt !== null && expiresAt <= clock.now()) return unfit('must be in the future');
      if (proof.kind === 'api-key' && (expiresAt ?? Number.POSITIVE_INFINITY) > proof.expiresAtMs) {
        return unfit('must not be later than the expiry of the key that creates it');
      }
      const key = keyOf(random.bytes(KEY_BYTES));
      const keyHash = createHash('sha256').update(key).digest('hex');
      const parentId = proof.kind === 'api-key' ? proof.keyId : null;
      const row = { id: random.uuid(), accountId, parentId, name, keyHash, rules, expiresAt, spaceId: space.value };
      const made = await applier.submit(createApiKey(row), caller);
      return mapped(made, (shown) => ({ ...shown, key, e2b_key: e2bForm(key) }));
    },
    /**
     * Revokes a key and all keys created with it: the caller's own, or any with
     * service-accounts:update.
     */
    async remove(caller: Caller, id: string) {
      const row = view.get('apiKeys', id.toLowerCase());
      const owner = row === undefined ? undefined : view.get('accounts', row.accountId);
      // 403 would reveal that another account has this key.
      if (row === undefined || owner === undefined) return NO_KEY;
      const names = [owner.user, owner.id];
      const isOwn = owner.id === caller.accountId && caller.permissions.allowsOwn('service-accounts', 'update', ...names);
      if (!isOwn && !caller.permissions.allows('service-accounts', 'update', null, ...names)) {
        return owner.id === caller.accountId ? forbidden('service-accounts', 'update') : hidden(NO_KEY);
      }
      const removed = await applier.submit(removeApiKey(row.id), caller);
      if (!removed.ok) return removed;
      for (const gone of removed.value) keyUse.forget(gone);
      return accepted(undefined);
    },
  };
}

/** A space that the caller does not know looks as if it did not exist. */
function spaceOf(view: View, caller: Caller, name: string | undefined): Outcome<SpaceId | null> {
  if (name === undefined) return accepted(null);
  const space = view.spaceByName(name);
  if (space === undefined) return NO_SPACE;
  return caller.permissions.knows(space.id) ? accepted(space.id) : hidden(NO_SPACE);
}

const unfit = (problem: string) => refused('UNPROCESSABLE_ENTITY', `expires_at: ${problem}`, [{ path: 'expires_at', problem }]);
