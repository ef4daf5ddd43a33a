import { z } from 'zod';
import { MESSAGE_ROLES, postMessage } from '../../contract/messages.ts';
import { messageCount, messageObject, postedMessage } from '../../contract/objects.ts';
import { parsedParameter, timeIn, wordParameter } from '../../contract/parameters.ts';
import { accepted } from '../../domain/engine/outcome.ts';
import type { MessageFilter } from '../../services/engine/api.ts';
import type { Caller } from '../../services/engine/caller.ts';
import type { RouteContext } from '../app.ts';
import { sessionIn } from '../input/path.ts';
import { waiting, waitParameter, withWaitPlace } from '../input/wait.ts';
import { listRoute, type Route, route } from '../routing/route.ts';

export function messageRoutes({ services, clock, streams }: RouteContext): Route[] {
  return [
    listRoute({
      path: '/sessions/{id}/messages',
      permission: 'own or sessions:get',
      summary: 'The messages by seq, oldest first',
      query: z.object({ role: wordParameter(MESSAGE_ROLES, 'Only messages of this role'), since }),
      item: messageObject,
      refusals: ['NOT_FOUND'],
      async respond({ caller, params, query, page }) {
        const id = sessionIn(params);
        return id.ok ? services.messages.list(caller, id.value, query, page) : id;
      },
    }),
    route({
      method: 'POST',
      path: '/sessions/{id}/messages',
      permission: 'own or sessions:update',
      summary: 'A new message; ?wait=30s answers once there is the reply, as `reply`',
      creates: true,
      request: postMessage,
      query: z.object({ wait: waitParameter }),
      answers: { 201: postedMessage },
      refusals: ['NOT_FOUND', 'CONFLICT', 'RATE_LIMITED', 'UNAVAILABLE'],
      example: { content: 'Hello' },
      async respond({ ctx, caller, params, query: { wait: ms = 0 }, body, idempotency }) {
        const id = sessionIn(params);
        if (!id.ok) return id;
        return withWaitPlace(ctx, streams, ms, async () => {
          const posted = await services.messages.post(caller, id.value, body, idempotency);
          // Nothing but a user's message is answered.
          if (!posted.ok || ms === 0 || posted.value.role !== 'user')
            return posted.ok ? accepted({ status: 201, body: posted.value }) : posted;
          const message = posted.value;
          const wait = { ms, caller, maySee: (now: Caller) => services.sessions.get(now, id.value).ok };
          const reply = await waiting(ctx, { clock, streams }, wait, (signal) =>
            services.messages.whenAnswered(id.value, message.id, signal),
          );
          return accepted({ status: 201, body: reply === undefined ? message : { ...message, reply } });
        });
      },
    }),
    route({
      method: 'DELETE',
      path: '/sessions/{id}/messages',
      permission: 'own or sessions:update',
      summary: 'Forgets the messages; what is running goes on, and its answer is dropped',
      answers: { 204: 'nothing' },
      refusals: ['NOT_FOUND'],
      async respond({ caller, params }) {
        const id = sessionIn(params);
        if (!id.ok) return id;
        const cleared = await services.messages.clear(caller, id.value);
        return cleared.ok ? accepted({ status: 204 }) : cleared;
      },
    }),
    route({
      method: 'GET',
      path: '/sessions/{id}/messages/count',
      operation: 'countMessages',
      permission: 'own or sessions:get',
      summary: 'How many messages there are',
      answers: { 200: messageCount },
      refusals: ['NOT_FOUND', 'RATE_LIMITED', 'UNAVAILABLE'],
      async respond({ caller, params }) {
        const id = sessionIn(params);
        if (!id.ok) return id;
        const count = await services.messages.count(caller, id.value);
        return count.ok ? accepted({ status: 200, body: { count: count.value, session_id: id.value } }) : count;
      },
    }),
  ];
}

const since = parsedParameter(
  (sent): MessageFilter['since'] => {
    if (/^\d{1,15}$/.test(sent)) return { seq: Number(sent) };
    const at = timeIn(sent);
    return at === undefined ? undefined : { at };
  },
  'must be the seq of a message or a time of RFC 3339',
  'Only messages with a greater seq, or made after this time',
);
