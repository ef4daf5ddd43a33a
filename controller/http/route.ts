import type { Context } from 'koa';
import type { z } from 'zod';
import type { Outcome } from '../domain/outcome.ts';
import type { Resource, Verb } from '../domain/rbac.ts';
import type { Caller, Idempotency } from '../services/api.ts';
import type { Query } from './query.ts';
import { checkBody } from './validation.ts';

/**
 * What a caller needs: `public` no token, `self` any valid token, else a resource and verb. A leading "own" means that
 * being the thing's creator is enough. The services judge it; here it is told, for the document and the test of all routes.
 */
export type RoutePermission = 'public' | 'self' | `${Resource}:${Verb}` | `own or ${Resource}:${Verb}`;

export interface Exchange<Body> {
  readonly ctx: Context;
  /** Values of the `{names}` in the path. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
  /** Where the route says `creates` and the client sent the key. */
  readonly idempotency: Idempotency | undefined;
}

/** A body to answer with, and its status; `undefined` for what has answered by itself (a list, a stream). */
export interface Answer {
  readonly status: 200 | 201 | 204 | 503;
  readonly body?: unknown;
}
export type Respond<E> = (exchange: E) => Promise<Outcome<Answer | undefined>> | Outcome<Answer | undefined>;

interface Described {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below /api/v0, with `{names}`. */
  readonly path: string;
  readonly permission: RoutePermission;
  readonly summary: string;
  /** Takes an Idempotency-Key. */
  readonly creates?: true;
  /** The body is no JSON and is read by the route itself. */
  readonly raw?: true;
}

/** A route as register.ts and the OpenAPI document see it: the type of its body is closed over. */
export interface Route extends Described {
  readonly request: z.ZodType | undefined;
  handle(exchange: Exchange<unknown>, caller: Caller | undefined): Promise<Outcome<Answer | undefined>> | Outcome<Answer | undefined>;
}

interface Definition<Body, E> extends Described {
  readonly request?: z.ZodType<Body>;
  readonly respond: Respond<E>;
}

/** A route of a caller with a valid token. */
export function route<Body = unknown>(definition: Definition<Body, Exchange<Body> & { readonly caller: Caller }>): Route {
  const { request, respond, ...described } = definition;
  if (described.permission === 'public') throw new Error(`${described.path} is public: publicRoute makes those`);
  return {
    ...described,
    request,
    handle(exchange, caller) {
      if (caller === undefined) throw new Error(`${described.method} ${described.path} was reached without a caller`);
      return withBody(request, exchange, (checked) => respond({ ...checked, caller }));
    },
  };
}

/** A route that needs no token. */
export function publicRoute<Body = unknown>(definition: Omit<Definition<Body, Exchange<Body>>, 'permission'>): Route {
  const { request, respond, ...described } = definition;
  return {
    ...described,
    permission: 'public',
    request,
    handle: (exchange) => withBody(request, exchange, respond),
  };
}

function withBody<Body>(
  schema: z.ZodType<Body> | undefined,
  exchange: Exchange<unknown>,
  respond: Respond<Exchange<Body>>,
): ReturnType<Respond<Exchange<Body>>> {
  // Nothing but `request` tells the type of Body: without it, it is unknown.
  if (schema === undefined) return respond(exchange as Exchange<Body>);
  const body = checkBody(schema, exchange.body);
  return body.ok ? respond({ ...exchange, body: body.value }) : body;
}
