import type { SessionObject } from '../../domain/objects.ts';
import { accepted, type Outcome } from '../../domain/outcome.ts';
import type { CreateSession, SessionFilter } from '../../services/api.ts';
import type { RouteContext } from '../app.ts';
import { answerPage, pageRequest } from '../pagination.ts';
import { sessionIn } from '../path.ts';
import { flag, prefixed, type Query, single, word } from '../query.ts';
import { type Route, route } from '../route.ts';
import { createSession, putState, SESSION_STATES } from '../schemas/sessions.ts';
import { waiting, waitMs } from '../wait.ts';

const ACTIONS = {
  pause: 'Freezes a session at once; its memory is kept',
  suspend: 'Lets a running message finish within a grace (?force=true: interrupts it), then removes the container and keeps the volume',
  resume: 'Brings a paused or suspended session back; ?wait=30s answers once it is up',
} as const;

export function sessionRoutes({ services, clock }: RouteContext): Route[] {
  return [
    route({
      method: 'GET',
      path: '/sessions',
      permission: 'own or sessions:list',
      summary: 'The sessions that the caller may see; filters space, state, created_by, metadata.KEY',
      async respond({ ctx, caller, query }) {
        const page = pageRequest(query);
        if (!page.ok) return page;
        const filter = filterIn(query);
        if (!filter.ok) return filter;
        const found = await services.sessions.list(caller, filter.value, page.value);
        if (!found.ok) return found;
        answerPage(ctx, page.value, found.value);
        return accepted(undefined);
      },
    }),
    route<CreateSession>({
      method: 'POST',
      path: '/sessions',
      permission: 'sessions:create',
      summary: 'A new session; ?wait=30s answers once it is up',
      creates: true,
      request: createSession,
      async respond({ ctx, caller, query, body, idempotency }) {
        const ms = waitMs(query);
        if (!ms.ok) return ms;
        const made = await services.sessions.create(caller, body, idempotency);
        if (!made.ok) return made;
        const { id } = made.value;
        const session = sessionIn({ id });
        if (ms.value === 0 || !session.ok) return accepted({ status: 201, body: made.value });
        const up = await waiting(ctx, clock, ms.value, (signal) => services.sessions.whenUp(session.value, signal));
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
        async respond({ ctx, caller, params, query }) {
          const id = sessionIn(params);
          if (!id.ok) return id;
          const ms = request === 'resume' ? waitMs(query) : accepted(0);
          if (!ms.ok) return ms;
          const force = request === 'suspend' ? flag(query, 'force') : accepted(false);
          if (!force.ok) return force;
          const changed = await services.sessions.change(caller, id.value, request, { force: force.value });
          if (!changed.ok || ms.value === 0) return changed.ok ? accepted({ status: 200, body: changed.value }) : changed;
          const up = await waiting(ctx, clock, ms.value, (signal) => services.sessions.whenUp(id.value, signal));
          return accepted({ status: 200, body: up ?? changed.value });
        },
      }),
    ),
    route<{ state: SessionObject['state'] }>({
      method: 'PUT',
      path: '/sessions/{id}/state',
      permission: 'own or sessions:update',
      summary: 'The request that leads to a state: paused, suspended, idle (resume), init (recover)',
      request: putState,
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
      async respond({ caller, params }) {
        const id = sessionIn(params);
        if (!id.ok) return id;
        const removed = await services.sessions.remove(caller, id.value);
        return removed.ok ? accepted({ status: 204 }) : removed;
      },
    }),
  ];
}

function filterIn(query: Query): Outcome<SessionFilter> {
  const space = single(query, 'space');
  if (!space.ok) return space;
  const workspace = single(query, 'workspace_name');
  if (!workspace.ok) return workspace;
  const state = word(query, 'state', SESSION_STATES);
  if (!state.ok) return state;
  const creator = single(query, 'created_by');
  if (!creator.ok) return creator;
  const metadata = prefixed(query, 'metadata.');
  if (!metadata.ok) return metadata;
  const spaceName = space.value ?? workspace.value;
  return accepted({
    ...(spaceName === undefined ? {} : { space: spaceName }),
    ...(state.value === undefined ? {} : { state: state.value }),
    ...(creator.value === undefined ? {} : { created_by: creator.value }),
    ...(Object.keys(metadata.value).length === 0 ? {} : { metadata: metadata.value }),
  });
}
