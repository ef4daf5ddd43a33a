import type { Context } from 'koa';
import { z } from 'zod';
import { sessionObject } from '../../contract/objects.ts';
import { flagParameter } from '../../contract/parameters.ts';
import { createSession, metadataFilter, putState, remixSession, sessionFilter, updateSession } from '../../contract/sessions.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import type { SessionObject } from '../../domain/engine/objects.ts';
import { accepted, type Outcome } from '../../domain/engine/outcome.ts';
import type { Caller } from '../../services/engine/caller.ts';
import type { RouteContext } from '../app.ts';
import { sessionIn } from '../input/path.ts';
import { waiting, waitParameter, withWaitPlace } from '../input/wait.ts';
import { type Answer, listRoute, type Route, route } from '../routing/route.ts';

const ACTIONS = {
  pause: 'Freezes a session at once; its memory is kept',
  suspend: 'Lets a running message finish within a grace (?force=true: interrupts it), then removes the container and keeps the volume',
  resume: 'Brings a paused or suspended session back; ?wait=30s answers once it is up',
} as const;
const ACTION_PARAMETERS: Readonly<Record<keyof typeof ACTIONS, z.ZodType<{ force?: boolean; wait?: number }>>> = {
  pause: z.object({}),
  suspend: z.object({ force: flagParameter('Interrupts what is running at once') }),
  resume: z.object({ wait: waitParameter }),
};

export function sessionRoutes({ services, clock, streams }: RouteContext): Route[] {
  /** The session once it is up; undefined when the time is up first, and for whoever may not see it any more. */
  function whenUp(ctx: Context, caller: Caller, ms: number, id: SessionId): Promise<SessionObject | undefined> {
    const maySee = (now: Caller) => services.sessions.get(now, id).ok;
    return waiting(ctx, { clock, streams }, { ms, caller, maySee }, (signal) => services.sessions.whenUp(id, signal));
  }

  /** Answers with a session that was made, after waiting so long for it to come up. */
  function made(ctx: Context, caller: Caller, ms: number, make: () => Promise<Outcome<SessionObject>>): Promise<Outcome<Answer>> {
    return withWaitPlace(ctx, streams, ms, async () => {
      const outcome = await make();
      if (!outcome.ok) return outcome;
      const session = sessionIn({ id: outcome.value.id });
      if (ms === 0 || !session.ok) return accepted({ status: 201, body: outcome.value });
      const up = await whenUp(ctx, caller, ms, session.value);
      // When the time is up, the state of now and not that of the creation.
      if (up !== undefined) return accepted({ status: 201, body: up });
      const later = caller.now();
      const now = later === undefined ? undefined : services.sessions.get(later, session.value);
      return accepted({ status: 201, body: now?.ok === true ? now.value : outcome.value });
    });
  }

  return [
    listRoute({
      path: '/sessions',
      permission: 'own or sessions:list',
      summary: 'The sessions that the caller may see',
      description: 'Own sessions count while the caller holds a role in their space. A space in which it holds none is 404.',
      query: sessionFilter,
      patternQuery: { name: 'metadata', schema: metadataFilter },
      item: sessionObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, query, page }) => services.sessions.list(caller, query, page),
    }),
    route({
      method: 'POST',
      path: '/sessions',
      permission: 'sessions:create',
      summary: 'A new session; ?wait=30s answers once it is up',
      creates: true,
      request: createSession,
      query: z.object({ wait: waitParameter }),
      answers: { 201: sessionObject },
      refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
      example: { space: 'default', name: 'a first session', metadata: { purpose: 'trying' } },
      async respond({ ctx, caller, query: { wait: ms = 0 }, body, idempotency }) {
        return made(ctx, caller, ms, () => services.sessions.create(caller, body, idempotency));
      },
    }),
    route({
      method: 'GET',
      path: '/sessions/{id}',
      permission: 'own or sessions:get',
      summary: 'One session',
      answers: { 200: sessionObject },
      refusals: ['NOT_FOUND'],
      respond({ caller, params }) {
        const id = sessionIn(params);
        if (!id.ok) return id;
        const session = services.sessions.get(caller, id.value);
        return session.ok ? accepted({ status: 200, body: session.value }) : session;
      },
    }),
    route({
      method: 'PUT',
      path: '/sessions/{id}',
      permission: 'own or sessions:update',
      summary: 'Another name, other metadata',
      description:
        'Metadata are replaced as a whole. What is not sent stays; 400 when nothing is, 409 where they exceed quotas.storage_bytes of the space.',
      request: updateSession,
      answers: { 200: sessionObject },
      refusals: ['NOT_FOUND', 'CONFLICT'],
      example: { name: 'a better name', metadata: { purpose: 'kept' } },
      async respond({ caller, params, body }) {
        const id = sessionIn(params);
        if (!id.ok) return id;
        const updated = await services.sessions.update(caller, id.value, body);
        return updated.ok ? accepted({ status: 200, body: updated.value }) : updated;
      },
    }),
    route({
      method: 'POST',
      path: '/sessions/{id}/remix',
      permission: 'own or sessions:update',
      summary: 'A new running session that begins as a copy of this one; ?wait=30s answers once it is up',
      description:
        'With data=false and messages=false sessions:get is enough. It also needs sessions:create in the space of the copy, by default the parent’s, and sessions:files where the volume leaves its space. The parent is frozen while its volume is copied. The copy is the caller’s, has the secrets of its own space, and is placed on the parent’s node: 503 when that has no room, 409 when it is lost.',
      creates: true,
      request: remixSession,
      query: z.object({ wait: waitParameter }),
      answers: { 201: sessionObject },
      refusals: ['FORBIDDEN', 'NOT_FOUND', 'CONFLICT', 'RATE_LIMITED', 'UNAVAILABLE'],
      example: { name: 'another way', messages: true },
      async respond({ ctx, caller, params, query: { wait: ms = 0 }, body, idempotency }) {
        const parent = sessionIn(params);
        if (!parent.ok) return parent;
        return made(ctx, caller, ms, () => services.sessions.remix(caller, parent.value, body, idempotency));
      },
    }),
    ...(['pause', 'suspend', 'resume'] as const).map((request) =>
      route({
        method: 'POST',
        path: `/sessions/{id}/${request}`,
        permission: 'own or sessions:update',
        summary: ACTIONS[request],
        query: ACTION_PARAMETERS[request],
        answers: { 200: sessionObject },
        refusals: request === 'resume' ? ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'] : ['NOT_FOUND', 'CONFLICT'],
        async respond({ ctx, caller, params, query: { force = false, wait: ms = 0 } }) {
          const id = sessionIn(params);
          if (!id.ok) return id;
          return withWaitPlace(ctx, streams, ms, async () => {
            const changed = await services.sessions.change(caller, id.value, request, { force });
            if (!changed.ok || ms === 0) return changed.ok ? accepted({ status: 200, body: changed.value }) : changed;
            const up = await whenUp(ctx, caller, ms, id.value);
            return accepted({ status: 200, body: up ?? changed.value });
          });
        },
      }),
    ),
    route({
      method: 'PUT',
      path: '/sessions/{id}/state',
      permission: 'own or sessions:update',
      summary: 'The request that leads to a state: paused, suspended, idle (resume), init (recover)',
      request: putState,
      answers: { 200: sessionObject },
      refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
      example: { state: 'paused' },
      async respond({ caller, params, body }) {
        const id = sessionIn(params);
        if (!id.ok) return id;
        const changed = await services.sessions.putState(caller, id.value, body.state);
        return changed.ok ? accepted({ status: 200, body: changed.value }) : changed;
      },
    }),
    route({
      method: 'DELETE',
      path: '/sessions/{id}',
      permission: 'own or sessions:delete',
      summary: 'Ends a session for good, with its volume and messages',
      answers: { 204: 'nothing' },
      refusals: ['NOT_FOUND'],
      async respond({ caller, params }) {
        const id = sessionIn(params);
        if (!id.ok) return id;
        const removed = await services.sessions.remove(caller, id.value);
        return removed.ok ? accepted({ status: 204 }) : removed;
      },
    }),
  ];
}
