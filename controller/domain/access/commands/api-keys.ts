import type { ApiKeyObject } from '../../../contract/access/api-keys.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import { type Mutation, put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import { type EventType, globalEvent } from '../../events/events.ts';
import { apiKeyObject } from '../access-objects.ts';
import { NO_KEY } from '../refusals.ts';
import type { ApiKeyRow } from '../rows.ts';

const MAX_KEYS = 1000;

export function createApiKey(input: Omit<ApiKeyRow, 'createdAt' | 'lastUsedAt'>): Command<Outcome<ApiKeyObject>> {
  return {
    name: 'create-api-key',
    grows: true,
    decide({ view, now }) {
      if (view.get('accounts', input.accountId) === undefined)
        return unchanged(refused('CONFLICT', 'The account of this key was deleted.'));
      if (input.parentId !== null && view.get('apiKeys', input.parentId) === undefined) {
        return unchanged(refused('UNAUTHORIZED', 'The API key that sent this request was deleted meanwhile. Use another key.'));
      }
      if (view.apiKeysOf(input.accountId).length >= MAX_KEYS) {
        return unchanged(refused('CONFLICT', `An account has at most ${MAX_KEYS} API keys. Delete unused keys first.`));
      }
      const row: ApiKeyRow = { ...input, lastUsedAt: null, createdAt: now };
      return { mutations: [put('apiKeys', row)], events: [eventOf('api-key.created', row)], result: accepted(apiKeyObject(view, row)) };
    },
  };
}

/**
 * Deletes an API key and every key created with it, directly or indirectly. Returns the ids of all
 * deleted keys.
 */
export function removeApiKey(id: string): Command<Outcome<readonly string[]>> {
  return {
    name: 'remove-api-key',
    decide({ view }) {
      const row = view.get('apiKeys', id);
      if (row === undefined) return unchanged(NO_KEY);
      const gone = withDescendants(row, view.apiKeysOf(row.accountId));
      return {
        mutations: gone.map((key): Mutation => ({ kind: 'remove', table: 'apiKeys', id: key.id })),
        events: gone.map((key) => eventOf('api-key.deleted', key)),
        result: accepted(gone.map((key) => key.id)),
      };
    },
  };
}

/** Records the last use of a key, without an event. `at` is Unix milliseconds. */
export function recordKeyUse(id: string, at: number): Command<undefined> {
  return {
    name: 'record-key-use',
    decide({ view }) {
      const row = view.get('apiKeys', id);
      if (row === undefined || (row.lastUsedAt ?? 0) >= at) return unchanged(undefined);
      return { mutations: [put('apiKeys', { ...row, lastUsedAt: at })], events: [], result: undefined };
    },
  };
}

function withDescendants(root: ApiKeyRow, all: readonly ApiKeyRow[]): readonly ApiKeyRow[] {
  const found = [root];
  // The list grows during the loop: each key adds the keys that were created with it.
  for (const { id } of found) found.push(...all.filter(({ parentId }) => parentId === id));
  return found;
}

const eventOf = (type: EventType, row: ApiKeyRow) => globalEvent(type, { api_key: { id: row.id, name: row.name, account: row.accountId } });
