import { type Command, unchanged } from '../../engine/command.ts';
import type { AccountId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';

/**
 * Revokes one token. `expiresAt` is Unix milliseconds: after it the revocation can be forgotten.
 */
export function revokeToken(id: string, expiresAt: number): Command<undefined> {
  return {
    name: 'revoke-token',
    decide: () => ({ mutations: [put('revokedTokens', { id, expiresAt })], events: [], result: undefined }),
  };
}

/** Revokes all existing tokens of an account. */
export function endTokens(id: AccountId): Command<undefined> {
  return {
    name: 'end-tokens',
    decide({ view, now }) {
      const row = view.get('accounts', id);
      if (row === undefined) return unchanged(undefined);
      return {
        mutations: [put('accounts', { ...row, version: row.version + 1, updatedAt: now })],
        events: [
          { type: 'account.updated', spaceId: null, sessionId: null, data: { account: { id, user: row.user, active: row.active } } },
        ],
        result: undefined,
      };
    },
  };
}
