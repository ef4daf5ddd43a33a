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
import { accepted, type Outcome } from '../../domain/engine/outcome.ts';
import type { Caller } from '../../services/engine/caller.ts';
import type { JsonText } from '../../services/engine/json-text.ts';
import { waiting, waitParameter, withWaitPlace } from '../input/wait.ts';
import { listRoute, type Route, route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

const ONE = '/sessions/{id}';
const waits = z.object({ wait: waitParameter });

const ACTIONS = {
  pause: {
    summary: 'Freezes a session at once. Its memory is kept.',
    query: z.object({}) satisfies z.ZodType<ActionQuery>,
  },
  suspend: {
    summary: 'Removes the container of a session and keeps its volume. A run in progress has a grace period to finish.',
    query: z.object({ force: flagParameter('Interrupts a run in progress instead of waiting for it') }),
  },
  resume: {
    summary: 'Resumes a paused or suspended session. With ?wait=30s, waits until it is up.',
    query: waits,
  },
} as const;
interface ActionQuery {
  readonly force?: boolean;
  readonly wait?: number;
}

export function sessionRoutes({ services: { sessions }, clock, streams }: RouteDeps): Route[] {
  /** The session once it is up; undefined when the time is up first, and for whoever may not see it any more. */
  function whenUp(ctx: Context, caller: Caller, ms: number, id: string): Promise<SessionObject | undefined> {
    const maySee = (now: Caller) => sessions.get(now, id).ok;
    return waiting(ctx, { clock, streams }, { ms, caller, maySee }, (signal) => sessions.whenUp(id, signal));
  }

  /** Answers with a new session, after waiting so long for it to come up. */
  const created = (ctx: Context, caller: Caller, ms: number, create: () => Promise<Outcome<SessionObject>>) =>
    withWaitPlace<SessionObject | JsonText<SessionObject>>(ctx, streams, ms, async () => {
      const session = await create();
      if (!session.ok || ms === 0) return session;
      const up = await whenUp(ctx, caller, ms, session.value.id);
      if (up !== undefined) return accepted(up);
      // When the time is up, the state of now and not that of the creation.
      const later = caller.now();
      const now = later === undefined ? undefined : sessions.get(later, session.value.id);
      return now?.ok === true ? now : session;
    });

  return [
    listRoute({
      path: '/sessions',
      permission: 'own or sessions:list',
      summary: 'Returns the sessions that the caller can see.',
      description:
        'Includes the caller’s own sessions in every space where it holds a role. Naming a space in which it holds none is a 404.',
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
      summary: 'Creates a session. With ?wait=30s, waits until it is up.',
      creates: true,
      request: createSession,
      query: waits,
      status: 201,
      answer: sessionObject,
      refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
      example: { space: 'default', name: 'a first session', metadata: { purpose: 'trying' } },
      respond: ({ ctx, caller, query: { wait = 0 }, body, idempotency }) =>
        created(ctx, caller, wait, () => sessions.create(caller, body, idempotency)),
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
        'Metadata are replaced as a whole. Fields that are not sent stay as they are; 400 if none is sent, 409 if metadata exceed `quotas.storage_bytes` of the space.',
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
      summary: 'Creates a running session as a copy of this one. With ?wait=30s, waits until it is up.',
      description:
        'With data=false and messages=false, sessions:get is enough. The caller also needs sessions:create in the space of the copy (by default the space of the parent), and sessions:files if the volume leaves its space. The parent is frozen while its volume is copied. The caller owns the copy, which gets the secrets of its own space and runs on the node of the parent: 503 if that node has no room, 409 if it is lost.',
      creates: true,
      request: remixSession,
      query: waits,
      status: 201,
      answer: sessionObject,
      refusals: ['FORBIDDEN', 'NOT_FOUND', 'CONFLICT', 'RATE_LIMITED', 'UNAVAILABLE'],
      example: { name: 'another way', messages: true },
      respond: ({ ctx, caller, params, query: { wait = 0 }, body, idempotency }) =>
        created(ctx, caller, wait, () => sessions.remix(caller, params.id, body, idempotency)),
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
          return withWaitPlace(ctx, streams, wait, async () => {
            const changed = await sessions.change(caller, id, action, { force });
            if (!changed.ok || wait === 0) return changed;
            return accepted((await whenUp(ctx, caller, wait, id)) ?? changed.value);
          });
        },
      }),
    ),
    route({
      method: 'PUT',
      path: `${ONE}/state`,
      permission: 'own or sessions:update',
      summary: 'Pauses, suspends, resumes (`idle`) or recovers (`init`) a session, by the state to reach.',
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
