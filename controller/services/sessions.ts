import type { Random } from '../../seams/random.ts';
import { changeDesired, type DesiredChange } from '../domain/commands/change-desired.ts';
import { createSession } from '../domain/commands/create-session.ts';
import { removeSession } from '../domain/commands/remove-session.ts';
import type { SessionId, SpaceId } from '../domain/ids.ts';
import { REQUEST_FOR_STATE } from '../domain/legal.ts';
import { restState, rowsOfState } from '../domain/life-cycle.ts';
import type { SessionObject } from '../domain/objects.ts';
import { accepted, type Outcome, refused } from '../domain/outcome.ts';
import { sessionObject } from '../domain/present.ts';
import type { Limits, Requests } from '../domain/rows.ts';
import { sessionDefaults } from '../domain/space-settings.ts';
import type { View } from '../domain/view.ts';
import { sessionFor, spaceFor } from './access.ts';
import type { Caller, CreateSession, Idempotency, Page, SessionFilter, Sessions } from './api.ts';
import type { Applier } from './applier.ts';
import { knownRequest } from './idempotency-keys.ts';
import type { Lists, SessionQuery } from './lists.ts';
import type { Waiters } from './waiters.ts';

/** How long a running message may go on when its session is suspended. */
export const SUSPEND_GRACE_MS = 30_000;

const MIB = 1024 * 1024;
export const DEFAULT_REQUESTS: Requests = { cpuMillis: 50, memoryBytes: 128 * MIB };
export const DEFAULT_LIMITS: Limits = { cpuMillis: 500, memoryBytes: 512 * MIB, diskBytes: 1024 * MIB, processes: 256 };

export interface SessionNeeds {
  readonly applier: Applier;
  readonly view: View;
  readonly lists: Lists;
  readonly waiters: Waiters;
  readonly random: Random;
  readonly storeKey: Uint8Array;
  readonly baseImage: string;
}

export function sessionService(needs: SessionNeeds): Sessions {
  const { applier, view, lists, waiters } = needs;

  async function change(caller: Caller, id: SessionId, request: DesiredChange, { force }: { force: boolean }) {
    const row = sessionFor(view, caller, id, 'update');
    return row.ok ? applier.submit(changeDesired(id, request, force ? 0 : SUSPEND_GRACE_MS)) : row;
  }

  return {
    async create(caller, input, idempotency) {
      const space = spaceFor(view, caller, input.space ?? 'default', 'sessions', 'create');
      if (!space.ok) return space;
      const asked = withDefaults(input, space.value.settings);
      const sizes = sizesOf(asked);
      if (!sizes.ok) return sizes;
      return applier.submit(newSession(needs, caller, space.value.id, asked, sizes.value, idempotency));
    },
    get(caller, id) {
      const row = sessionFor(view, caller, id, 'get');
      return row.ok ? accepted(sessionObject(view, row.value)) : row;
    },
    async list(caller, filter, page) {
      const query = queryOf(view, caller, filter);
      if (!query.ok) return query;
      if (query.value === undefined) return accepted<Page<SessionObject>>({ items: [], total: 0 });
      const found = await lists.sessions(query.value, page);
      return accepted({ items: found.items.map((row) => sessionObject(view, row)), total: found.total });
    },
    async remove(caller, id) {
      const row = sessionFor(view, caller, id, 'delete');
      if (!row.ok) return row;
      return applier.submit(removeSession(id, 'deleted'));
    },
    change,
    async putState(caller, id, state) {
      const row = sessionFor(view, caller, id, 'update');
      if (!row.ok) return row;
      const request = REQUEST_FOR_STATE[state];
      if (request !== undefined) return change(caller, id, request, { force: false });
      return refused(
        'CONFLICT',
        `A session becomes ${state} by itself: ask for one of paused, suspended, idle (resume) or init (recover).`,
      );
    },
    whenUp(id, signal) {
      const look = () => {
        const row = view.get('sessions', id);
        if (row === undefined || row.desired === 'deleted') return 'gone';
        return restState(row) === 'init' ? undefined : sessionObject(view, row);
      };
      return waiters.until(id, look, signal).then((found) => (found === 'gone' ? undefined : found));
    },
  };
}

/** The sizes of a session of which nobody says more than its space's settings do. */
export const sizesIn = (settings: Readonly<Record<string, unknown>>): Outcome<Sizes> => sizesOf(withDefaults({}, settings));

/** What a client does not say, the space's settings do. */
function withDefaults(input: CreateSession, settings: Readonly<Record<string, unknown>>): CreateSession {
  const { timeouts, requests, limits } = sessionDefaults(settings);
  return {
    ...input,
    timeouts: { ...timeouts, ...input.timeouts },
    resources: { requests: { ...requests, ...input.resources?.requests }, limits: { ...limits, ...input.resources?.limits } },
  };
}

interface Sizes {
  readonly requests: Requests;
  readonly limits: Limits;
}

/** What was asked for, and for the rest the defaults; a request above its limit is refused, since it could never be used. */
function sizesOf({ resources }: CreateSession): Outcome<Sizes> {
  const asked = { requests: resources?.requests, limits: resources?.limits };
  const limits: Limits = {
    cpuMillis: millis(asked.limits?.cpu) ?? Math.max(DEFAULT_LIMITS.cpuMillis, millis(asked.requests?.cpu) ?? 0),
    memoryBytes: asked.limits?.memory_bytes ?? Math.max(DEFAULT_LIMITS.memoryBytes, asked.requests?.memory_bytes ?? 0),
    diskBytes: asked.limits?.disk_bytes ?? DEFAULT_LIMITS.diskBytes,
    processes: asked.limits?.processes ?? DEFAULT_LIMITS.processes,
  };
  const requests: Requests = {
    cpuMillis: millis(asked.requests?.cpu) ?? Math.min(DEFAULT_REQUESTS.cpuMillis, limits.cpuMillis),
    memoryBytes: asked.requests?.memory_bytes ?? Math.min(DEFAULT_REQUESTS.memoryBytes, limits.memoryBytes),
  };
  if (requests.cpuMillis > limits.cpuMillis || requests.memoryBytes > limits.memoryBytes) {
    const problem = 'resources.requests may not exceed resources.limits.';
    return refused('UNPROCESSABLE_ENTITY', problem, [{ path: 'resources.requests', problem: 'greater than resources.limits' }]);
  }
  return accepted({ requests, limits });
}

const millis = (cpu: number | undefined): number | undefined => (cpu === undefined ? undefined : Math.max(1, Math.round(cpu * 1000)));

function newSession(needs: SessionNeeds, caller: Caller, spaceId: SpaceId, input: CreateSession, sizes: Sizes, idempotency?: Idempotency) {
  return createSession({
    id: needs.random.uuid() as SessionId,
    spaceId,
    name: input.name ?? null,
    metadata: input.metadata ?? {},
    timeouts: input.timeouts ?? {},
    ...sizes,
    baseImage: needs.baseImage,
    by: { accountId: caller.accountId, user: caller.user },
    request: knownRequest(needs.storeKey, caller, idempotency),
  });
}

const STATE_WORDS: ReadonlySet<string> = new Set(['init', 'idle', 'busy', 'paused', 'suspended', 'error']);

/** Undefined: nothing can match. */
function queryOf(view: View, caller: Caller, filter: SessionFilter): Outcome<SessionQuery | undefined> {
  const allowed = caller.permissions.spacesAllowing('sessions', 'list');
  const spaces = allowed === 'all' ? [] : ([...allowed] as SpaceId[]);
  const state = filter.state?.toLowerCase();
  if (state !== undefined && !STATE_WORDS.has(state)) {
    return refused('BAD_REQUEST', `There is no state "${filter.state}": use one of ${[...STATE_WORDS].join(', ')}.`);
  }
  const space = filter.space === undefined ? undefined : view.spaceByName(filter.space);
  if (filter.space !== undefined && space === undefined) return accepted(undefined);
  return accepted({
    visible: allowed === 'all' ? 'all' : { spaces, owner: caller.accountId },
    ...(space === undefined ? {} : { spaceId: space.id }),
    ...(state === undefined ? {} : { states: rowsOfState(state) }),
    ...(filter.created_by === undefined ? {} : { createdBy: filter.created_by }),
    ...(filter.metadata === undefined ? {} : { metadata: filter.metadata }),
  });
}
