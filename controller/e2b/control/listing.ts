import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { SandboxRow } from '../../domain/sandboxes/rows.ts';
import type { SandboxQuery } from '../../services/engine/lists.ts';

const MAX_LIMIT = 100;
const MAX_PAIRS = 16;
const STATES = ['running', 'paused'] as const;

export type ListQuery = Omit<SandboxQuery, 'spaceId' | 'owner' | 'kind'>;

const wrong = (name: string, what: string) => refused('BAD_REQUEST', `${name} must be ${what}.`);

/** Reads the query of a list of sandboxes. `limit` is that of the page. */
export function listQuery(query: URLSearchParams): Outcome<ListQuery> {
  const limit = limitIn(query.get('limit'));
  if (limit === undefined) return wrong('limit', `an integer from 1 to ${MAX_LIMIT}`);
  const states = (query.get('state') ?? STATES.join(',')).split(',').filter((state) => state !== '');
  if (!states.every(isState)) return wrong('state', STATES.join(' or '));
  const started = query.get('startedAfter');
  const startedAfter = started === null ? undefined : Date.parse(started);
  if (Number.isNaN(startedAfter)) return wrong('startedAfter', 'a time like 2030-01-31T12:00:00Z');
  const order = query.get('order') ?? 'desc';
  if (order !== 'asc' && order !== 'desc') return wrong('order', 'asc or desc');
  const after = tokenIn(query.get('nextToken'));
  if (after === 'invalid') return wrong('nextToken', 'the x-next-token of the page before');
  const metadata = metadataIn(query.get('metadata'));
  if (metadata === undefined) return wrong('metadata', `at most ${MAX_PAIRS} pairs, encoded as a form`);
  return accepted({ limit, states, startedAfter, order, after, metadata, template: query.get('template') ?? undefined });
}

/** Reads the query of a list of snapshots. */
export function snapshotQuery(query: URLSearchParams): Outcome<ListQuery> {
  const listed = listQuery(query);
  if (!listed.ok) return listed;
  const id = query.get('sandboxID') ?? undefined;
  return accepted({
    ...listed.value,
    template: undefined,
    sourceId: id?.toLowerCase(),
    name: query.get('name') ?? undefined,
    states: STATES,
  });
}

const isState = (state: string): state is (typeof STATES)[number] => (STATES as readonly string[]).includes(state);

function limitIn(sent: string | null): number | undefined {
  if (sent === null || sent === '') return MAX_LIMIT;
  const limit = /^\d{1,9}$/.test(sent) ? Number(sent) : 0;
  return limit >= 1 && limit <= MAX_LIMIT ? limit : undefined;
}

/**
 * Clients percent-encode keys and values, encode the pairs as a form, and the query once more, which
 * `query` has undone.
 */
export function metadataIn(sent: string | null): Readonly<Record<string, string>> | undefined {
  const found: Record<string, string> = Object.create(null);
  try {
    for (const [key, value] of new URLSearchParams(sent ?? '')) found[decodeURIComponent(key)] = decodeURIComponent(value);
  } catch {
    return undefined;
  }
  return Object.keys(found).length > MAX_PAIRS ? undefined : found;
}

type Position = Pick<SandboxRow, 'createdAt' | 'id'>;

/** Names the last one of a page. */
export const nextToken = ({ createdAt, id }: Position): string => Buffer.from(`${createdAt} ${id}`).toString('base64url');

function tokenIn(sent: string | null): Position | undefined | 'invalid' {
  if (sent === null || sent === '') return undefined;
  const found = /^(\d{1,15}) ([0-9a-f-]{36})$/.exec(Buffer.from(sent, 'base64url').toString());
  return found === null ? 'invalid' : { createdAt: Number(found[1]), id: found[2] as SandboxRow['id'] };
}
