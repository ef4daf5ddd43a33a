import { accepted, type Outcome, refused } from '../../domain/outcome.ts';
import type { MessageFilter, PostMessage } from '../../services/api.ts';
import type { RouteContext } from '../app.ts';
import { answerPage, pageRequest } from '../pagination.ts';
import { sessionIn } from '../path.ts';
import { type Query, single, word } from '../query.ts';
import { type Route, route } from '../route.ts';
import { MESSAGE_ROLES, postMessage } from '../schemas/messages.ts';
import { waiting, waitMs } from '../wait.ts';

export function messageRoutes({ services, clock }: RouteContext): Route[] {
  return [
    route({
      method: 'GET',
      path: '/sessions/{id}/messages',
      permission: 'own or sessions:get',
      summary: 'The messages by seq, oldest first; filters role, since (seq or time)',
      async respond({ ctx, caller, params, query }) {
        const id = sessionIn(params);
        if (!id.ok) return id;
        const page = pageRequest(query);
        if (!page.ok) return page;
        const filter = filterIn(query);
        if (!filter.ok) return filter;
        const found = await services.messages.list(caller, id.value, filter.value, page.value);
        if (!found.ok) return found;
        answerPage(ctx, page.value, found.value);
        return accepted(undefined);
      },
    }),
    route<PostMessage>({
      method: 'POST',
      path: '/sessions/{id}/messages',
      permission: 'own or sessions:update',
      summary: 'A new message; ?wait=30s answers once there is the reply, as `reply`',
      creates: true,
      request: postMessage,
      async respond({ ctx, caller, params, query, body, idempotency }) {
        const id = sessionIn(params);
        if (!id.ok) return id;
        const ms = waitMs(query);
        if (!ms.ok) return ms;
        const posted = await services.messages.post(caller, id.value, body, idempotency);
        // Nothing but a user's message is answered.
        if (!posted.ok || ms.value === 0 || posted.value.role !== 'user')
          return posted.ok ? accepted({ status: 201, body: posted.value }) : posted;
        const message = posted.value;
        const reply = await waiting(ctx, clock, ms.value, (signal) => services.messages.whenAnswered(id.value, message.id, signal));
        return accepted({ status: 201, body: reply === undefined ? message : { ...message, reply } });
      },
    }),
    route({
      method: 'DELETE',
      path: '/sessions/{id}/messages',
      permission: 'own or sessions:update',
      summary: 'Forgets the messages; what is running goes on, and its answer is dropped',
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
      permission: 'own or sessions:get',
      summary: 'How many messages there are',
      async respond({ caller, params }) {
        const id = sessionIn(params);
        if (!id.ok) return id;
        const count = await services.messages.count(caller, id.value);
        return count.ok ? accepted({ status: 200, body: { count: count.value, session_id: id.value } }) : count;
      },
    }),
  ];
}

function filterIn(query: Query): Outcome<MessageFilter> {
  const role = word(query, 'role', MESSAGE_ROLES);
  if (!role.ok) return role;
  const since = sinceIn(query);
  if (!since.ok) return since;
  return accepted({
    ...(role.value === undefined ? {} : { role: role.value }),
    ...(since.value === undefined ? {} : { since: since.value }),
  });
}

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

function sinceIn(query: Query): Outcome<MessageFilter['since']> {
  const sent = single(query, 'since');
  if (!sent.ok) return sent;
  if (sent.value === undefined) return accepted(undefined);
  if (/^\d{1,15}$/.test(sent.value)) return accepted({ seq: Number(sent.value) });
  // A "+" that was not encoded arrives as a space.
  const text = sent.value.replace(' ', '+');
  const at = RFC_3339.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at)) return refused('BAD_REQUEST', 'since must be the seq of a message or a time of RFC 3339');
  return accepted({ at });
}
