import { streamEvents } from '../events/sse.ts';
import { type Route, route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

export function eventRoutes(deps: RouteDeps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/sessions/{id}/events',
      permission: 'own or sessions:get',
      summary: 'Streams the events of a session as server-sent events. Last-Event-ID resumes without a gap.',
      answer: 'event-stream',
      refusals: ['NOT_FOUND', 'RATE_LIMITED'],
      respond: ({ ctx, caller, params }) => streamEvents(ctx, caller, params.id, deps),
    }),
    route({
      method: 'GET',
      path: '/events',
      permission: 'self',
      summary: 'Streams the events of everything the caller can see as server-sent events.',
      answer: 'event-stream',
      refusals: ['RATE_LIMITED'],
      respond: ({ ctx, caller }) => streamEvents(ctx, caller, undefined, deps),
    }),
  ];
}
