import type { Context } from 'koa';
import { z } from 'zod';
import { checkBody } from '../../contract/fields.ts';
import { checkQuery } from '../../contract/parameters.ts';
import type { Query } from '../../contract/query.ts';
import type { Resource, Verb } from '../../domain/access/rbac.ts';
import { accepted, type Outcome, type RefusalCode } from '../../domain/engine/outcome.ts';
import { STALE } from '../../services/engine/applier.ts';
import type { Caller, Idempotency, Page, PageRequest } from '../../services/engine/caller.ts';
import { answerPage, pageRequest } from '../input/pagination.ts';

/** All routes are below it. */
export const BASE = '/api/v0';

/**
 * What a caller needs: `public` no token, `self` any valid token, else a resource and verb. A leading "own" means that
 * being the thing's creator is enough. The services judge it; here it is told, for the document and the test of all routes.
 */
export type RoutePermission = 'public' | 'self' | `${Resource}:${Verb}` | `own or ${Resource}:${Verb}` | `self or ${Resource}:${Verb}`;

export interface Exchange<Body, Q = Query> {
  readonly ctx: Context;
  /** Values of the `{names}` in the path. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Q;
  readonly body: Body;
  /** Where the route says `creates` and the client sent the key. */
  readonly idempotency: Idempotency | undefined;
}

export type Status = 200 | 201 | 204 | 503;
/** A body to answer with, and its status; `undefined` for what has answered by itself (a list, a stream). */
export interface Answer {
  readonly status: Status;
  readonly body?: unknown;
}
type Reply = Promise<Outcome<Answer | undefined>> | Outcome<Answer | undefined>;

/** What an answer's body is: a schema, nothing, or a stream of events. */
export type AnswerBody = z.ZodType | 'nothing' | 'event-stream';

interface Described {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below /api/v0, with `{names}`. */
  readonly path: string;
  readonly permission: RoutePermission;
  readonly summary: string;
  /** What more there is to know, for the document. */
  readonly description?: string;
  /** The answers that are no refusal, by status. */
  readonly answers: Readonly<Partial<Record<Status, AnswerBody>>>;
  /** Refusals beyond those that follow from the rest: 400, 401, 403, 413, 415, 422, 429 and 500. */
  readonly refusals?: readonly RefusalCode[];
  /** A request body that works, for the document. */
  readonly example?: unknown;
  /** What a client calls it, where the name that follows from method and path is not good. */
  readonly operation?: string;
  /** Parameters whose names follow a pattern, as an object of which each property is a parameter: for the document. */
  readonly patternQuery?: { readonly name: string; readonly schema: z.ZodType };
  /** Takes an Idempotency-Key. */
  readonly creates?: true;
  /** A list of what the controller holds in memory, for which the reading thread is not asked. */
  readonly fromMemory?: true;
  /** Answers with a stream of events instead, where a parameter asks for it. */
  readonly mayStream?: true;
  /** The body is no JSON, of this media type, and is read by the route itself. */
  readonly raw?: string;
}

/** A route as register.ts and the OpenAPI document see it: the types of its body and parameters are closed over. */
export interface Route extends Described {
  readonly request: z.ZodType | undefined;
  readonly query: z.ZodType | undefined;
  /** Takes limit, offset and order, and answers a bare array with the three headers. */
  readonly paged: boolean;
  handle(exchange: Exchange<unknown>, caller: Caller | undefined): Reply;
}

interface Inputs<Body, Q> {
  readonly request?: z.ZodType<Body>;
  /** Of the parameters in the URL: what does not fit is a 400. Without it `query` is as it was sent. */
  readonly query?: z.ZodType<Q>;
}
interface WithCaller {
  readonly caller: Caller;
}
interface Responding<E, A> {
  respond(exchange: E): Promise<Outcome<A>> | Outcome<A>;
}

/** A route of a caller with a valid token. */
export function route<Body = unknown, Q = Query>(
  definition: Described & Inputs<Body, Q> & Responding<Exchange<Body, Q> & WithCaller, Answer | undefined>,
): Route {
  const { request, query, respond, ...described } = definition;
  if (described.permission === 'public') throw new Error(`${described.path} is public: publicRoute makes those`);
  return {
    ...described,
    ...{ request, query, paged: false },
    handle(exchange, caller) {
      const checked = check({ request, query }, exchange);
      return checked.ok ? respond({ ...checked.value, caller: present(described, caller) }) : checked;
    },
  };
}

/** A route that needs no token. */
export function publicRoute<Body = unknown, Q = Query>(
  definition: Omit<Described, 'permission'> & Inputs<Body, Q> & Responding<Exchange<Body, Q>, Answer | undefined>,
): Route {
  const { request, query, respond, ...described } = definition;
  return {
    ...described,
    permission: 'public',
    ...{ request, query, paged: false },
    handle(exchange) {
      const checked = check({ request, query }, exchange);
      return checked.ok ? respond(checked.value) : checked;
    },
  };
}

/** GET of a list, by pages. */
export function listRoute<Q = Query>(
  definition: Omit<Described, 'method' | 'answers'> &
    Pick<Inputs<unknown, Q>, 'query'> & { readonly item: z.ZodType } & Responding<
      Exchange<unknown, Q> & WithCaller & { readonly page: PageRequest },
      Page<unknown>
    >,
): Route {
  const { query, item, respond, ...described } = definition;
  return {
    ...described,
    method: 'GET',
    answers: { 200: z.array(item) },
    ...{ request: undefined, query, paged: true },
    async handle(exchange, caller) {
      const page = pageRequest(exchange.query);
      if (!page.ok) return page;
      const checked = check({ query }, exchange);
      if (!checked.ok) return checked;
      const found = await respond({ ...checked.value, caller: present(described, caller), page: page.value });
      if (!found.ok) return found;
      // It may have waited long for the reading thread.
      if (caller?.isCurrent?.() === false) return STALE;
      answerPage(exchange.ctx, page.value, found.value);
      return accepted(undefined);
    },
  };
}

type Checked<Body, Q> = { readonly [Field in keyof Inputs<Body, Q>]: Inputs<Body, Q>[Field] | undefined };

function present({ path }: { readonly path: string }, caller: Caller | undefined): Caller {
  if (caller === undefined) throw new Error(`${path} was reached without a caller`);
  return caller;
}

function check<Body, Q>({ request, query }: Checked<Body, Q>, exchange: Exchange<unknown>): Outcome<Exchange<Body, Q>> {
  const parameters = query === undefined ? accepted(exchange.query) : checkQuery(query, exchange.query);
  if (!parameters.ok) return parameters;
  const body = request === undefined ? accepted(exchange.body) : checkBody(request, exchange.body);
  if (!body.ok) return body;
  // Nothing but `request` and `query` tell the types of Body and Q: without them, they are unknown and as sent.
  return accepted({ ...exchange, query: parameters.value as Q, body: body.value as Body });
}
