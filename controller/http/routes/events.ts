import type { RouteContext } from '../app.ts';
import { streamEvents } from '../events/sse.ts';
import { sessionIn } from '../input/path.ts';
import { type Route, route } from '../routing/route.ts';

export function eventRoutes(context: RouteContext): Route[] {
  return [
    route({
      method: 'GET',
      path: '/sessions/{id}/events',
      permission: 'own or sessions:get',
      summary: 'What happens in a session, as server-sent events; Last-Event-ID resumes without a gap',
      answers: { 200: 'event-stream' },
      refusals: ['NOT_FOUND', 'RATE_LIMITED'],
      respond({ ctx, caller, params }) {
        const id = sessionIn(params);
        return id.ok ? streamEvents(ctx, caller, id.value, context) : id;
      },
    }),
    route({
      method: 'GET',
      path: '/events',
      permission: 'self',
      summary: 'What happens in all that the caller may see, as server-sent events',
      answers: { 200: 'event-stream' },
      refusals: ['RATE_LIMITED'],
      respond: ({ ctx, caller }) => streamEvents(ctx, caller, undefined, context),
    }),
  ];
}
