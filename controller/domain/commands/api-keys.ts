import { type ApiKeyObject, apiKeyObject } from '../access-objects.ts';
import { type Command, unchanged } from '../command.ts';
import type { EventType, NewEvent } from '../events.ts';
import { accepted, type Outcome, refused } from '../outcome.ts';
import { type ApiKeyRow, put } from '../rows.ts';

export const NO_KEY = refused('NOT_FOUND', 'There is no such API key.');
const MOST_KEYS = 1000;

export function createApiKey(input: Omit<ApiKeyRow, 'createdAt' | 'lastUsedAt'>): Command<Outcome<ApiKeyObject>> {
  return {
    name: 'create-api-key',
    decide({ view, now }) {
      if (view.get('accounts', input.accountId) === undefined) return unchanged(refused('CONFLICT', 'The account of this key is gone.'));
      if (view.apiKeysOf(input.accountId).length >= MOST_KEYS) {
        return unchanged(refused('CONFLICT', `An account has at most ${MOST_KEYS} API keys: delete some that are not used.`));
      }
      const row: ApiKeyRow = { ...input, lastUsedAt: null, createdAt: now };
      return { mutations: [put('apiKeys', row)], events: [eventOf('api-key.created', row)], answer: accepted(apiKeyObject(row)) };
    },
  };
}

export function removeApiKey(id: string): Command<Outcome<undefined>> {
  return {
    name: 'remove-api-key',
    decide({ view }) {
      const row = view.get('apiKeys', id);
      if (row === undefined) return unchanged(NO_KEY);
      return {
        mutations: [{ kind: 'remove', table: 'apiKeys', id }],
        events: [eventOf('api-key.deleted', row)],
        answer: accepted(undefined),
      };
    },
  };
}

/** Nobody waits for it, and it is told to nobody. `at` is Unix milliseconds. */
export function recordKeyUse(id: string, at: number): Command<undefined> {
  return {
    name: 'record-key-use',
    decide({ view }) {
      const row = view.get('apiKeys', id);
      if (row === undefined || (row.lastUsedAt ?? 0) >= at) return unchanged(undefined);
      return { mutations: [put('apiKeys', { ...row, lastUsedAt: at })], events: [], answer: undefined };
    },
  };
}

const eventOf = (type: EventType, row: ApiKeyRow): NewEvent => ({
  type,
  spaceId: null,
  sessionId: null,
  data: { api_key: { id: row.id, name: row.name, account: row.accountId } },
});
