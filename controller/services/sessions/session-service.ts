import type { Random } from '../../../seams/random.ts';
import type { PageRequest } from '../../contract/pages.ts';
import type { CreateSession, RemixSession, SessionFilter, SessionObject, SessionState, UpdateSession } from '../../contract/sessions.ts';
import { STALE } from '../../domain/access/refusals.ts';
import type { Fleet } from '../../domain/engine/fleet.ts';
import type { SessionId, SpaceId } from '../../domain/engine/ids.ts';
import { accepted, hidden, mapped, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { changeDesired, type DesiredChange } from '../../domain/sessions/commands/change-desired.ts';
import { createSession, type NewSession, neededBy } from '../../domain/sessions/commands/create-session.ts';
import { remixSession } from '../../domain/sessions/commands/remix-session.ts';
import { removeSession } from '../../domain/sessions/commands/remove-session.ts';
import { updateSession } from '../../domain/sessions/commands/update-session.ts';
import { REQUEST_FOR_STATE } from '../../domain/sessions/legal.ts';
import { isSettled } from '../../domain/sessions/life-cycle.ts';
import { lacksRoom } from '../../domain/sessions/placement/no-room.ts';
import { recalledSession } from '../../domain/sessions/recalled-session.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import { sessionObject, sessionObjects } from '../../domain/sessions/session-object.ts';
import type { SizeRules } from '../../domain/sessions/session-sizes.ts';
import { sessionDefaults } from '../../domain/spaces/space-settings.ts';
import { forbidden, sessionFor, shownSessionFor, spaceFor } from '../access/access.ts';
import type { Caller, Idempotency } from '../access/caller.ts';
import type { Applier } from '../engine/applier.ts';
import { knownRequest } from '../engine/idempotency-keys.ts';
import type { Lists } from '../engine/lists.ts';
import type { Waiters } from '../engine/waiters.ts';
import type { PlacementWaits } from './placement-waits.ts';
import { listSessions } from './session-query.ts';
import type { ShownSessions } from './shown-sessions.ts';

/** Grace period of a run in progress when its session is suspended. */
export const SUSPEND_GRACE_MS = 30_000;

export type Sessions = ReturnType<typeof sessionService>;

export interface SessionDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly lists: Lists;
  readonly waiters: Waiters;
  readonly shownSessions: ShownSessions;
  readonly random: Random;
  readonly storeKey: Uint8Array;
  readonly baseImage: string;
  readonly sizes: SizeRules;
  readonly fleet: Fleet;
  readonly waits: PlacementWaits;
  /** Called with the result of each creation. */
  readonly placed: (created: Outcome<unknown>) => void;
  /** Rebuilds the image of a space if no node has it; returns false if that is impossible. */
  readonly rebuild: (spaceId: SpaceId, image: string) => boolean;
}

/** Returns the image that a refusal for lack of a node names. */
const imageIn = (details: unknown): string | undefined =>
  typeof details === 'object' && details !== null && 'image' in details && typeof details.image === 'string' ? details.image : undefined;

const REBUILD_RETRY_S = 5;

export function sessionService(deps: SessionDeps) {
  const { applier, view, waiters, shownSessions } = deps;

  /** Makes a refusal for a missing image retryable, if the image is being rebuilt. */
  function judged<Created>(created: Outcome<Created>, spaceId: SpaceId): Outcome<Created> {
    deps.placed(created);
    if (created.ok || created.refusal.code !== 'UNAVAILABLE') return created;
    const image = imageIn(created.refusal.details);
    if (image === undefined || !deps.rebuild(spaceId, image)) return created;
    const message = 'The image of this space was removed from its nodes and is being rebuilt. Retry in a few seconds.';
    return refused('UNAVAILABLE', message, { retry_after_s: REBUILD_RETRY_S });
  }

  /**
   * Pauses, suspends, resumes or recovers a session if its state allows it. Idempotent. `force`
   * skips the grace period of a run in progress.
   */
  async function change(caller: Caller, id: SessionId, request: DesiredChange, { force }: { force: boolean }) {
    const row = sessionFor(view, caller, id, 'update');
    return row.ok ? applier.submit(changeDesired(id, request, force ? 0 : SUSPEND_GRACE_MS), caller) : row;
  }

  return {
    /** With a signal: waits for room until it aborts; see {@link PlacementWaits}. */
    async create(caller: Caller, input: CreateSession, idempotency?: Idempotency, patience?: AbortSignal) {
      const asked = newSession(deps, caller, input, idempotency);
      if (!asked.ok) return asked;
      const { spaceId } = asked.value;
      // A repeated request gets what it created, without waiting again.
      const isKnown = recalledSession(view, asked.value.request) !== undefined;
      if (patience === undefined || isKnown) return judged(await applier.submit(createSession(asked.value), caller), spaceId);
      const creation = {
        ...{ spaceId, constraints: input.constraints ?? [] },
        async attempt() {
          // Rights can change while it waits, before its first attempt too: others can be ahead of it.
          const now = caller.now();
          if (now === undefined) return STALE;
          const again = newSession(deps, now, input, idempotency);
          if (!again.ok) return again;
          const outcome = await applier.submit(createSession(again.value), now);
          if (lacksRoom(outcome)) deps.rebuild(spaceId, outcome.need.image);
          return outcome;
        },
        need() {
          const space = view.get('spaces', spaceId);
          const needed = space && neededBy(view, deps.fleet, space, asked.value);
          return needed?.ok === true ? needed.value.need : undefined;
        },
      };
      return judged(await deps.waits.create(creation, patience), spaceId);
    },
    /** Returns whether the caller can create sessions in a space, as after a wait. */
    canCreate: (caller: Caller, space = 'default') => spaceFor(view, caller, space, 'sessions', 'create').ok,
    /** 400 for an empty change. */
    async update(caller: Caller, id: SessionId, update: UpdateSession) {
      const row = sessionFor(view, caller, id, 'update');
      if (!row.ok) return row;
      if (update.name === undefined && update.metadata === undefined)
        return refused('BAD_REQUEST', 'The request changes nothing. Send name or metadata.');
      return applier.submit(updateSession(id, update), caller);
    },
    /** Creates a running session as a copy; see {@link remixSession}. */
    async remix(caller: Caller, parentId: SessionId, input: RemixSession, idempotency?: Idempotency) {
      const request = knownRequest(deps.storeKey, caller, idempotency);
      const { data = true, messages = false } = input;
      const parent = sessionFor(view, caller, parentId, data || messages ? 'update' : 'get');
      // A repeated request returns its copy even if the parent has been deleted.
      if (!parent.ok) {
        const made = recalledSession(view, request);
        if (made === undefined || !made.ok) return made ?? parent;
        return sessionFor(view, caller, made.value.id, 'get').ok ? made : parent;
      }
      const spaceId = remixSpace(view, caller, parent.value, input.space);
      if (!spaceId.ok) return spaceId;
      // Copying files to another space equals downloading them.
      const leaves = data && spaceId.value !== parent.value.spaceId ? sessionFor(view, caller, parentId, 'files') : accepted(undefined);
      if (!leaves.ok) return leaves;
      const remix = {
        id: deps.random.uuid() as SessionId,
        parentId,
        spaceId: spaceId.value,
        baseImage: deps.baseImage,
        name: input.name ?? null,
        metadata: input.metadata,
        data,
        messages,
        constraints: input.constraints,
        preferences: input.preferences,
        by: { accountId: caller.accountId, user: caller.user },
        request,
      };
      const created = await applier.submit(remixSession(remix), caller);
      return judged(created, spaceId.value);
    },
    get: (caller: Caller, id: string) => mapped(shownSessionFor(shownSessions, caller, id), ({ json }) => json),
    list: async (caller: Caller, filter: SessionFilter, page: PageRequest) =>
      mapped(await listSessions(deps, caller, filter, page), ({ items, total }) => ({ items: sessionObjects(view, items), total })),
    /** Resolves once the tombstone is durable. */
    async remove(caller: Caller, id: SessionId) {
      const row = sessionFor(view, caller, id, 'delete');
      return row.ok ? applier.submit(removeSession(id, 'deleted'), caller) : row;
    },
    change,
    /**
     * `PUT state`: makes the request that leads to this state. 409 for a state that clients cannot
     * request.
     */
    async putState(caller: Caller, id: SessionId, state: SessionState) {
      const row = sessionFor(view, caller, id, 'update');
      if (!row.ok) return row;
      const request = REQUEST_FOR_STATE[state];
      if (request !== undefined) return change(caller, id, request, { force: false });
      return refused('CONFLICT', `The state ${state} cannot be set. Set paused, suspended, idle (resume) or init (recover).`);
    },
    /**
     * Resolves with the session once it is idle, busy or error; with undefined when the signal
     * aborts first.
     */
    whenUp(id: string, signal: AbortSignal): Promise<SessionObject | undefined> {
      const look = () => {
        const row = view.get('sessions', id);
        if (row === undefined || row.desired === 'deleted') return 'gone';
        return row.desired === 'running' && !isSettled(row) ? undefined : sessionObject(view, row);
      };
      return waiters.until(id, look, signal).then((found) => (found === 'gone' ? undefined : found));
    },
  };
}

/** A parent that the caller cannot see looks as if it did not exist. */
function parentOf(view: View, caller: Caller, id: string | undefined): Outcome<{ readonly parentId?: SessionId }> {
  if (id === undefined) return accepted({});
  const parent = sessionFor(view, caller, id, 'get');
  if (parent.ok) return accepted({ parentId: parent.value.id });
  const none = refused('NOT_FOUND', 'The parent session does not exist.');
  return parent.refusal.hidden === true ? hidden(none) : none;
}

/** Returns the space of the copy, in which the caller must be able to create sessions. */
function remixSpace(view: View, caller: Caller, parent: SessionRow, name: string | undefined): Outcome<SpaceId> {
  if (name !== undefined) {
    const space = spaceFor(view, caller, name, 'sessions', 'create');
    return space.ok ? accepted(space.value.id) : space;
  }
  return caller.permissions.allows('sessions', 'create', parent.spaceId) ? accepted(parent.spaceId) : forbidden('sessions', 'create');
}

function newSession(deps: SessionDeps, caller: Caller, input: CreateSession, idempotency?: Idempotency): Outcome<NewSession> {
  const space = spaceFor(deps.view, caller, input.space ?? 'default', 'sessions', 'create');
  if (!space.ok) return space;
  const parent = parentOf(deps.view, caller, input.parent_session_id);
  if (!parent.ok) return parent;
  return accepted({
    id: deps.random.uuid() as SessionId,
    spaceId: space.value.id,
    name: input.name ?? null,
    metadata: input.metadata ?? {},
    timeouts: { ...sessionDefaults(space.value.settings).timeouts, ...input.timeouts },
    resources: input.resources,
    constraints: input.constraints,
    preferences: input.preferences,
    ...parent.value,
    baseImage: deps.baseImage,
    by: { accountId: caller.accountId, user: caller.user },
    request: knownRequest(deps.storeKey, caller, idempotency),
  });
}
