import type { PageRequest } from '../../contract/pages.ts';
import type { CreateSession, RemixSession, SessionFilter, SessionObject, SessionState, UpdateSession } from '../../contract/sessions.ts';
import { STALE } from '../../domain/access/refusals.ts';
import type { Fleet } from '../../domain/engine/fleet.ts';
import type { KnownRequest } from '../../domain/engine/idempotency.ts';
import type { SessionId, SpaceId } from '../../domain/engine/ids.ts';
import { mapped, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { MissingImages } from '../../domain/images/missing-images.ts';
import type { NewSandbox } from '../../domain/sandboxes/new-sandbox.ts';
import { atStart, changeDesired, type DesiredChange, neededToWake } from '../../domain/sessions/commands/change-desired.ts';
import { createSession, neededBy } from '../../domain/sessions/commands/create-session.ts';
import { neededForRemix, remixSession } from '../../domain/sessions/commands/remix-session.ts';
import { removeSession } from '../../domain/sessions/commands/remove-session.ts';
import { updateSession } from '../../domain/sessions/commands/update-session.ts';
import { REQUEST_FOR_STATE } from '../../domain/sessions/legal.ts';
import { isSettled } from '../../domain/sessions/life-cycle.ts';
import type { Yields } from '../../domain/sessions/placement/filters.ts';
import { lacksRoom } from '../../domain/sessions/placement/no-room.ts';
import { recalledSession } from '../../domain/sessions/recalled-session.ts';
import { sessionObject } from '../../domain/sessions/session-object.ts';
import type { SizeRules } from '../../domain/sessions/session-sizes.ts';
import { sessionFor, shownSessionFor, spaceFor } from '../access/access.ts';
import type { Caller, Idempotency } from '../access/caller.ts';
import type { Applier } from '../engine/applier.ts';
import { knownRequest } from '../engine/idempotency-keys.ts';
import type { Lists } from '../engine/lists.ts';
import type { Waiters } from '../engine/waiters.ts';
import type { PlacementWaits } from './placement-waits.ts';
import { newRemix, newSession, parentOfRemix, type RequestDeps } from './requested-session.ts';
import type { RoomRequest } from './room-request.ts';
import { listSessions } from './session-query.ts';
import type { ShownSessions } from './shown-sessions.ts';

/** Grace period of a run in progress when its session is suspended. */
export const SUSPEND_GRACE_MS = 30_000;

export type Sessions = ReturnType<typeof sessionService>;

export interface SessionDeps extends RequestDeps {
  readonly applier: Applier;
  readonly lists: Lists;
  readonly waiters: Waiters;
  readonly shownSessions: ShownSessions;
  readonly imageWaits: MissingImages;
  readonly sizes: SizeRules;
  readonly fleet: Fleet;
  readonly waits: PlacementWaits;
  /** Called with the result of each creation. */
  readonly placed: (created: Outcome<unknown>) => void;
  /** Rebuilds the image of a space if no node has it; returns false if that is impossible. */
  readonly rebuild: (spaceId: SpaceId, image: string) => boolean;
}

interface Authorized extends Omit<RoomRequest, 'attempt'> {
  /** As this caller, whose rights can have changed. */
  attempt(caller: Caller, yields?: Yields): Promise<Outcome<SessionObject>>;
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
    const graceMs = force ? 0 : SUSPEND_GRACE_MS;
    return row.ok ? applier.submit(changeDesired(id, request, graceMs, deps.waits.newcomer()), caller) : row;
  }

  /** Submits a request that needs room: at once, or when it is its turn. */
  function withRoom(caller: Caller, patience: AbortSignal | undefined, { attempt, ...request }: Authorized) {
    if (patience === undefined) return attempt(caller, deps.waits.newcomer());
    const again = async (yields?: Yields) => {
      // Rights can change while it waits, before its first attempt too: others can be ahead of it.
      const now = caller.now();
      if (now === undefined) return STALE;
      const outcome = await attempt(now, yields);
      if (lacksRoom(outcome) && outcome.need.hasDisk !== true) deps.rebuild(request.spaceId, outcome.need.image);
      return outcome;
    };
    return deps.waits.run({ ...request, attempt: again }, patience);
  }

  const isKnown = (request: KnownRequest | undefined) => recalledSession(view, request) !== undefined;

  return {
    /** With a signal: waits for room until it aborts; see {@link PlacementWaits}. */
    async create(caller: Caller, input: CreateSession, idempotency?: Idempotency, patience?: AbortSignal, sandbox?: NewSandbox) {
      const asked = newSession(deps, caller, input, idempotency);
      if (!asked.ok) return asked;
      const { spaceId, request } = asked.value;
      const created = withRoom(caller, isKnown(request) ? undefined : patience, {
        ...{ spaceId, constraints: input.constraints ?? [] },
        async attempt(now, yields) {
          const again = newSession(deps, now, input, idempotency);
          return again.ok ? applier.submit(createSession({ ...again.value, sandbox, yields }), now) : again;
        },
        need() {
          const space = view.get('spaces', spaceId);
          const needed = space && neededBy(view, deps.fleet, space, asked.value);
          return needed?.ok === true ? needed.value.need : undefined;
        },
      });
      return judged(await created, spaceId);
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
    /** Creates a running session as a copy; see {@link remixSession}. Waits as `create` does. */
    async remix(
      caller: Caller,
      parentId: SessionId,
      input: RemixSession,
      idempotency?: Idempotency,
      patience?: AbortSignal,
      sandbox?: NewSandbox,
    ) {
      const request = knownRequest(deps.storeKey, caller, idempotency);
      const parent = parentOfRemix(view, caller, parentId, input);
      // A repeated request returns its copy even if the parent has been deleted.
      if (!parent.ok) {
        const made = recalledSession(view, request);
        if (made === undefined || !made.ok) return made ?? parent;
        return sessionFor(view, caller, made.value.id, 'get').ok ? made : parent;
      }
      const asked = newRemix(deps, caller, parent.value, input, request);
      if (!asked.ok) return asked;
      const { spaceId, constraints = parent.value.constraints } = asked.value;
      const need = () => {
        const [row, space] = [view.get('sessions', parentId), view.get('spaces', spaceId)];
        const needed = row && space && neededForRemix(view, deps.fleet, asked.value, row, space);
        return needed?.ok === true ? needed.value.need : undefined;
      };
      const created = withRoom(caller, isKnown(request) ? undefined : patience, {
        ...{ spaceId, constraints, sessionId: parentId, onlyOn: need()?.onlyOn, need },
        async attempt(now, yields) {
          const row = parentOfRemix(view, now, parentId, input);
          const again = row.ok ? newRemix(deps, now, row.value, input, request) : row;
          return again.ok ? applier.submit(remixSession({ ...again.value, sandbox, yields }), now) : again;
        },
      });
      return judged(await created, spaceId);
    },
    /** Returns whether the caller can remix a session, as after a wait. */
    canRemix(caller: Caller, parentId: SessionId, input: RemixSession) {
      const parent = parentOfRemix(view, caller, parentId, input);
      return parent.ok && newRemix(deps, caller, parent.value, input, undefined).ok;
    },
    /** Resumes a session. With a signal: waits for room until it aborts. */
    async resume(caller: Caller, id: SessionId, patience?: AbortSignal) {
      const row = sessionFor(view, caller, id, 'update');
      if (!row.ok) return row;
      return withRoom(caller, patience, {
        ...{ spaceId: row.value.spaceId, constraints: [], sessionId: id, onlyOn: row.value.nodeId ?? undefined, wakes: true },
        async attempt(now, yields) {
          const again = sessionFor(view, now, id, 'update');
          return again.ok ? applier.submit(changeDesired(id, 'resume', SUSPEND_GRACE_MS, yields), now) : again;
        },
        need() {
          const now = view.get('sessions', id);
          return now?.desired === 'suspended' ? neededToWake(atStart(view, deps.fleet, now)) : undefined;
        },
      });
    },
    canUpdate: (caller: Caller, id: SessionId) => sessionFor(view, caller, id, 'update').ok,
    get: (caller: Caller, id: string) => mapped(shownSessionFor(shownSessions, caller, id), ({ json }) => json),
    list: (caller: Caller, filter: SessionFilter, page: PageRequest) => listSessions(deps, caller, filter, page),
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
