import type { Context } from 'koa';
import { z } from 'zod';
import {
  cancelMessage,
  type MessageObject,
  messageCountObject,
  messageFilter,
  messageInclude,
  messageObject,
  postedMessageObject,
  postMessage,
  traceObject,
} from '../../contract/messages.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import { accepted } from '../../domain/engine/outcome.ts';
import type { Caller } from '../../services/access/caller.ts';
import { type Wait, waiting, waitParameter, withWaitPlace } from '../input/wait.ts';
import { listRoute, type Route, route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

export function messageRoutes({ services: { messages, sessions }, clock, streams }: RouteDeps): Route[] {
  const withReply = async (ctx: Context, id: SessionId, message: MessageObject, { ms, caller }: Pick<Wait, 'ms' | 'caller'>) => {
    const wait = { ms, caller, canSee: (now: Caller) => sessions.get(now, id).ok };
    const reply = await waiting(ctx, { clock, streams }, wait, (signal) => messages.whenAnswered(message.id, signal));
    return accepted(reply === undefined ? message : { ...message, reply });
  };
  return [
    listRoute({
      path: '/sessions/{id}/messages',
      permission: 'own or sessions:get',
      summary: 'Lists the messages of a session by seq, oldest first.',
      query: messageFilter,
      item: messageObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params, query, page }) => messages.list(caller, params.id, query, page),
    }),
    route({
      method: 'POST',
      path: '/sessions/{id}/messages',
      permission: 'own or sessions:update',
      summary: 'Posts a message. With ?wait=30s, waits for the reply and returns it as `reply`.',
      creates: true,
      request: postMessage,
      query: z.object({ wait: waitParameter }),
      status: 201,
      answer: postedMessageObject,
      refusals: ['NOT_FOUND', 'CONFLICT', 'RATE_LIMITED', 'UNAVAILABLE'],
      example: { content: 'Hello' },
      respond: ({ ctx, caller, params: { id }, query: { wait: ms = 0 }, body, idempotency }) =>
        withWaitPlace(ctx, streams, ms, async () => {
          const posted = await messages.post(caller, id, body, idempotency);
          // Only messages with the role user get an answer.
          if (!posted.ok || ms === 0 || posted.value.role !== 'user') return posted;
          return withReply(ctx, id, posted.value, { ms, caller });
        }),
    }),
    route({
      method: 'POST',
      path: '/sessions/{id}/messages/{message_id}/cancel',
      permission: 'own or sessions:update',
      summary: 'Cancels a message. With ?wait=30s, waits for its answer and returns it as `reply`.',
      description:
        'A message whose run has not begun never runs; a run in progress is interrupted after `grace_s`. The answer is then an error_response with the reason cancelled, in the order of the messages. An answer that exists, or that the agent gives first, stands.',
      request: cancelMessage,
      example: { grace_s: 10 },
      query: z.object({ wait: waitParameter }),
      answer: postedMessageObject,
      refusals: ['NOT_FOUND', 'CONFLICT', 'RATE_LIMITED'],
      respond: ({ ctx, caller, params: { id, message_id: messageId }, query: { wait: ms = 0 }, body }) =>
        withWaitPlace(ctx, streams, ms, async () => {
          const cancelled = await messages.cancel(caller, id, messageId, body);
          return cancelled.ok && ms > 0 ? withReply(ctx, id, cancelled.value, { ms, caller }) : cancelled;
        }),
    }),
    route({
      method: 'DELETE',
      path: '/sessions/{id}/messages',
      permission: 'own or sessions:update',
      summary: 'Deletes the messages of a session.',
      description: 'A run in progress continues, but its answer is discarded.',
      answer: 'nothing',
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params }) => messages.clear(caller, params.id),
    }),
    route({
      method: 'GET',
      path: '/sessions/{id}/messages/count',
      operation: 'countMessages',
      permission: 'own or sessions:get',
      summary: 'Returns the number of messages in a session.',
      query: messageInclude,
      answer: messageCountObject,
      refusals: ['NOT_FOUND', 'RATE_LIMITED', 'UNAVAILABLE'],
      respond: ({ caller, params, query }) => messages.count(caller, params.id, query),
    }),
    route({
      method: 'GET',
      path: '/sessions/{id}/trace/{message_id}',
      operation: 'getTrace',
      permission: 'own or sessions:get',
      summary: 'Returns how a message was answered: what agents asked one another, when, and for how long.',
      answer: traceObject,
      refusals: ['NOT_FOUND', 'RATE_LIMITED', 'UNAVAILABLE'],
      respond: ({ caller, params: { id, message_id: messageId } }) => messages.trace(caller, id, messageId),
    }),
  ];
}
