import type { Context } from 'koa';
import { z } from 'zod';
import { flagParameter } from '../../contract/parameters.ts';
import {
  createSession,
  metadataFilter,
  putState,
  remixSession,
  type SessionObject,
  sessionFilter,
  sessionObject,
  updateSession,
} from '../../contract/sessions.ts';
import { STALE } from '../../domain/access/refusals.ts';
import { accepted, type Outcome } from '../../domain/engine/outcome.ts';
import type { Caller } from '../../services/access/caller.ts';
import type { JsonText } from '../../services/engine/json-text.ts';
import { waiting, waitParameter, withWaitPlace } from '../input/wait.ts';
import { listRoute, type Route, route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

const ONE = '/sessions/{id}';
const waits = z.object({ wait: waitParameter });

const ACTIONS = {
  pause: {
    summary: 'Pauses a session at once and keeps its memory.',
    query: z.object({}) satisfies z.ZodType<ActionQuery>,
  },
  suspend: {
    summary: 'Suspends a session: removes its container and keeps its volume. A run in progress gets a grace period to finish.',
    query: z.object({ force: flagParameter('Interrupts a run in progress instead of waiting for it') }),
  },
  resume: {
    summary: 'Resumes a paused or suspended session. With ?wait=30s, waits until it is running, and first for room on its node.',
    query: waits,
  },
} as const;
type Run = (patience?: AbortSignal) => Promise<Outcome<SessionObject>>;

interface ActionQuery {
  readonly force?: boolean;
  readonly wait?: number;
}

export function sessionRoutes({ services: { sessions }, clock, streams }: RouteDeps): Route[] {
  /**
   * Waits until the session is running. Resolves to undefined on timeout, or once the caller cannot
   * see it any more.
   */
  function whenUp(ctx: Context, caller: Caller, ms: number, id: string): Promise<SessionObject | undefined> {
    const canSee = (now: Caller) => sessions.get(now, id).ok;
    return waiting(ctx, { clock, streams }, { ms, caller, canSee }, (signal) => sessions.whenUp(id, signal));
  }

  /**
   * Starts a session, and waits up to `ms` for room, as far as `start` does, and until it is up.
   */
  const up = (ctx: Context, caller: Caller, ms: number, start: () => Promise<Outcome<SessionObject>>) =>
    withWaitPlace<SessionObject | JsonText<SessionObject>>(ctx, streams, ms, async () => {
      const startedAt = clock.monotonic();
      const session = await start();
      if (!session.ok || ms === 0) return session;
      const left = Math.max(0, ms - (clock.monotonic() - startedAt));
      const isUp = await whenUp(ctx, caller, left, session.value.id);
      if (isUp !== undefined) return accepted(isUp);
      // After a timeout, answer with the current state instead of that at its start.
      const later = caller.now();
      const now = later === undefined ? undefined : sessions.get(later, session.value.id);
      return now?.ok === true ? now : session;
    });

  /**
   * Runs a request that needs room: at once if `ms` is 0, or once there is room and it is its turn.
   * `canAsk`: whether the caller has the right to it.
   */
  async function whenRoom(ctx: Context, caller: Caller, ms: number, canAsk: (now: Caller) => boolean, run: Run) {
    if (ms === 0 || !canAsk(caller)) return run();
    let outcome: Outcome<SessionObject> = STALE;
    const placed = await waiting(ctx, { clock, streams }, { ms, caller, canSee: canAsk }, async (signal) => {
      outcome = await run(signal);
      return outcome;
    });
    // Without the right to it, the refusal must not say anything about room.
    return placed ?? (outcome.ok ? outcome : STALE);
  }

  return [
    listRoute({
      path: '/sessions',
      permission: 'own or sessions:list',
      summary: 'Lists the sessions that the caller can see.',
      description:
        'Includes the caller’s own sessions in every space where it has a role. 404 for a `space` in which the caller has no role.',
      query: sessionFilter,
      patternQuery: { name: 'metadata', schema: metadataFilter },
      item: sessionObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, query, page }) => sessions.list(caller, query, page),
    }),
    route({
      method: 'POST',
      path: '/sessions',
      permission: 'sessions:create',
      summary: 'Creates a session. With ?wait=30s, waits until it is running.',
      description:
        'While no node has room, it also waits for that: requests in one space with the same constraints in order, and spaces in turn. 503 at once without `wait`, also if earlier requests wait for the room that there is; if no node could take the session even when empty; and if too many requests wait.',
      creates: true,
      request: createSession,
      query: waits,
      status: 201,
      answer: sessionObject,
      refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
      example: { space: 'default', name: 'a first session', metadata: { purpose: 'trying' } },
      respond: ({ ctx, caller, query: { wait = 0 }, body, idempotency }) =>
        up(ctx, caller, wait, () =>
          whenRoom(
            ctx,
            caller,
            wait,
            (now) => sessions.canCreate(now, body.space),
            (patience) => sessions.create(caller, body, idempotency, patience),
          ),
        ),
    }),
    route({
      method: 'GET',
      path: ONE,
      permission: 'own or sessions:get',
      summary: 'Returns a session.',
      answer: sessionObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params }) => sessions.get(caller, params.id),
    }),
    route({
      method: 'PUT',
      path: ONE,
      permission: 'own or sessions:update',
      summary: 'Updates the name or metadata of a session.',
      description:
        'Replaces metadata as a whole and keeps fields that are not sent. 400 if no field is sent, 409 if the metadata exceed `quotas.storage_bytes` of the space.',
      request: updateSession,
      answer: sessionObject,
      refusals: ['NOT_FOUND', 'CONFLICT'],
      example: { name: 'a better name', metadata: { purpose: 'kept' } },
      respond: ({ caller, params, body }) => sessions.update(caller, params.id, body),
    }),
    route({
      method: 'POST',
      path: `${ONE}/remix`,
      permission: 'own or sessions:update',
      summary: 'Creates a running session as a copy of this one. With ?wait=30s, waits until it is running.',
      description:
        'The caller owns the copy. It runs on the node of the parent with the secrets of its own space; 503 if that node has no room, for which it waits with `wait` as a creation does; 409 if it is lost. The parent is paused while its volume is copied. The caller also needs sessions:create in the space of the copy (by default the space of the parent), and sessions:files to copy the volume to another space. With data=false and messages=false, sessions:get on the parent is enough.',
      creates: true,
      request: remixSession,
      query: waits,
      status: 201,
      answer: sessionObject,
      refusals: ['FORBIDDEN', 'NOT_FOUND', 'CONFLICT', 'RATE_LIMITED', 'UNAVAILABLE'],
      example: { name: 'another way', messages: true },
      respond: ({ ctx, caller, params, query: { wait = 0 }, body, idempotency }) =>
        up(ctx, caller, wait, () =>
          whenRoom(
            ctx,
            caller,
            wait,
            (now) => sessions.canRemix(now, params.id, body),
            (patience) => sessions.remix(caller, params.id, body, idempotency, patience),
          ),
        ),
    }),
    ...(['pause', 'suspend', 'resume'] as const).map((action) =>
      route({
        method: 'POST',
        path: `${ONE}/${action}`,
        permission: 'own or sessions:update',
        summary: ACTIONS[action].summary,
        query: ACTIONS[action].query,
        answer: sessionObject,
        refusals: action === 'resume' ? ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'] : ['NOT_FOUND', 'CONFLICT'],
        respond: ({ ctx, caller, params: { id }, query }) => {
          const { force = false, wait = 0 }: ActionQuery = query;
          if (action !== 'resume') return sessions.change(caller, id, action, { force });
          const canUpdate = (now: Caller) => sessions.canUpdate(now, id);
          return up(ctx, caller, wait, () => whenRoom(ctx, caller, wait, canUpdate, (patience) => sessions.resume(caller, id, patience)));
        },
      }),
    ),
    route({
      method: 'PUT',
      path: `${ONE}/state`,
      permission: 'own or sessions:update',
      summary: 'Sets the requested state of a session: pauses, suspends, resumes (`idle`) or recovers (`init`) it.',
      request: putState,
      answer: sessionObject,
      refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
      example: { state: 'paused' },
      respond: ({ caller, params, body }) => sessions.putState(caller, params.id, body.state),
    }),
    route({
      method: 'DELETE',
      path: ONE,
      permission: 'own or sessions:delete',
      summary: 'Deletes a session with its volume and messages.',
      answer: 'nothing',
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params }) => sessions.remove(caller, params.id),
    }),
  ];
}
