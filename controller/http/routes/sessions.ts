import { z } from 'zod';
import { accepted } from '../../domain/outcome.ts';
import type { RouteContext } from '../app.ts';
import { flagParameter } from '../parameters.ts';
import { sessionIn } from '../path.ts';
import { listRoute, type Route, route } from '../route.ts';
import { sessionObject } from '../schemas/objects.ts';
import { createSession, putState, sessionFilter } from '../schemas/sessions.ts';
import { waiting, waitParameter } from '../wait.ts';

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

export function sessionRoutes({ services, clock }: RouteContext): Route[] {
  return [
    listRoute({
      path: '/sessions',
      permission: 'own or sessions:list',
      summary: 'The sessions that the caller may see',
      description: 'Beside the parameters below, `metadata.KEY=VALUE` keeps sessions whose metadata say so.',
      query: sessionFilter,
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
        const made = await services.sessions.create(caller, body, idempotency);
        if (!made.ok) return made;
        const { id } = made.value;
        const session = sessionIn({ id });
        if (ms === 0 || !session.ok) return accepted({ status: 201, body: made.value });
        const up = await waiting(ctx, clock, ms, (signal) => services.sessions.whenUp(session.value, signal));
        // When the time is up, the state of now and not that of the creation.
        if (up !== undefined) return accepted({ status: 201, body: up });
        const now = services.sessions.get(caller, session.value);
        return accepted({ status: 201, body: now.ok ? now.value : made.value });
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
    ...(['pause', 'suspend', 'resume'] as const).map((request) =>
      route({
        method: 'POST',
        path: `/sessions/{id}/${request}`,
        permission: 'own or sessions:update',
        summary: ACTIONS[request],
        query: ACTION_PARAMETERS[request],
        answers: { 200: sessionObject },
        refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
        async respond({ ctx, caller, params, query: { force = false, wait: ms = 0 } }) {
          const id = sessionIn(params);
          if (!id.ok) return id;
          const changed = await services.sessions.change(caller, id.value, request, { force });
          if (!changed.ok || ms === 0) return changed.ok ? accepted({ status: 200, body: changed.value }) : changed;
          const up = await waiting(ctx, clock, ms, (signal) => services.sessions.whenUp(id.value, signal));
          return accepted({ status: 200, body: up ?? changed.value });
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
