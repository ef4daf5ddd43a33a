import type { Context } from 'koa';
import { z } from 'zod';
import type { Resource, Verb } from '../../contract/access/roles.ts';
import type { RefusalCode } from '../../contract/errors.ts';
import type { Infer } from '../../contract/fields.ts';
import { type PageRequest, pageQuery } from '../../contract/pages.ts';
import { STALE } from '../../domain/access/refusals.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import { accepted, mapped, type Outcome } from '../../domain/engine/outcome.ts';
import { NO_SESSION } from '../../domain/sessions/refusals.ts';
import type { Caller, Idempotency, Page } from '../../services/access/caller.ts';
import type { JsonText } from '../../services/engine/json-text.ts';
import { checkBody, checkQuery, type Query } from '../input/check.ts';
import { isUuid } from '../input/ids.ts';
import { pageText } from '../input/pagination.ts';

/** The base path of all routes. */
export const BASE = '/api/v0';

/**
 * The permission that a route needs: `public` no token, `self` any valid token, else a resource and
 * verb. A leading "own" means that owning the resource is enough. Services enforce it; this
 * declaration feeds the document and a test of all routes.
 */
export type RoutePermission = 'public' | 'self' | `${Resource}:${Verb}` | `own or ${Resource}:${Verb}` | `self or ${Resource}:${Verb}`;

export type Status = 101 | 200 | 201 | 204 | 503;
/** The body of an answer: a schema, nothing, an event stream, or a connection that becomes a WebSocket. */
export type AnswerBody = z.ZodType | 'nothing' | 'event-stream' | 'web-socket';

/**
 * How a request is audited. `change`: in the commit that changes something. `noted`: before it is
 * answered. `values`: like `noted`, if it shows secret values. `nothing`: it neither changes nor
 * reveals anything that is recorded.
 */
export type Recorded = 'change' | 'noted' | 'values' | 'nothing';

interface Described {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below /api/v0, with `{names}`. */
  readonly path: string;
  readonly permission: RoutePermission;
  readonly summary: string;
  readonly description?: string;
  /**
   * Error codes beyond those that follow from the rest: 400, 401, 403, 413, 415, 422, 429 and 500.
   */
  readonly refusals?: readonly RefusalCode[];
  /** A valid request body, for the document. */
  readonly example?: unknown;
  /** The operationId, instead of the one that follows from method and path. */
  readonly operation?: string;
  /**
   * Parameters whose names follow a pattern, as an object with one property each, for the document.
   */
  readonly patternQuery?: { readonly name: string; readonly schema: z.ZodType };
  /** Accepts an Idempotency-Key. */
  readonly creates?: true;
  /** The list is in memory and needs no reader thread. */
  readonly fromMemory?: true;
  /** A parameter can switch the answer to an event stream. */
  readonly mayStream?: boolean;
  /** Media type of answers that are bytes. */
  readonly binary?: string;
  /** The address can go on after the path: the rest of it, slashes and all, is this parameter. */
  readonly rest?: string;
  /** Media type of a body that is not JSON and that the route reads itself. */
  readonly raw?: string;
  /** Default: `nothing` for a GET, else `change`. */
  readonly recorded?: Recorded;
}

/** An answer with its status. */
export interface Answer {
  readonly status: Status;
  readonly body: unknown;
}
/** Undefined for a stream, which has answered already. */
type Answered = Outcome<Answer | undefined>;

/** A request of which only method and path have been checked. */
export interface Sent {
  readonly ctx: Context;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: unknown;
  /** The key, if the route `creates` and the client sent one. */
  readonly idempotency: Idempotency | undefined;
}

/** A route for register.ts and the document: the types of its parameters and bodies are erased. */
export interface Route extends Described {
  readonly request: z.ZodType | undefined;
  readonly query: z.ZodType | undefined;
  /** Successful answers by status. */
  readonly answers: Readonly<Partial<Record<Status, AnswerBody>>>;
  readonly recorded: Recorded;
  /** Accepts limit, offset and order, and answers a bare array with the page headers. */
  readonly paged: boolean;
  handle(sent: Sent, caller: Caller | undefined): Promise<Answered> | Answered;
}

type Names<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type SessionName<Path extends string> = Path extends `/sessions/${string}` ? 'id' : 'session';
/** The `{names}` of a path. A session id must be a UUID; anything else is a 404. */
export type Params<Path extends string> = { readonly [Name in Names<Path>]: Name extends SessionName<Path> ? SessionId : string };

/** A validated request. */
interface Exchange<Path extends string, Request extends z.ZodType, Parameters extends z.ZodType> extends Omit<Sent, 'params' | 'query'> {
  readonly params: Params<Path>;
  readonly query: Infer<Parameters>;
  readonly body: Infer<Request>;
}
interface WithCaller {
  readonly caller: Caller;
}

type ItemOf<Item extends z.ZodType> = Infer<Item> | JsonText<Infer<Item>>;

type BodyOf<Body extends AnswerBody, Streams> =
  | (Body extends z.ZodType ? Infer<Body> | JsonText<Infer<Body>> : undefined)
  | (Streams extends true ? undefined : never);

interface Definition<
  Path extends string,
  Request extends z.ZodType,
  Parameters extends z.ZodType,
  Body extends AnswerBody,
  Streams extends boolean,
  More,
> extends Omit<Described, 'mayStream'> {
  readonly path: Path;
  /** Schema of the JSON body. An invalid body is a 422. */
  readonly request?: Request;
  /** Schema of the URL parameters. An invalid parameter is a 400. */
  readonly query?: Parameters;
  readonly answer: Body;
  /** Default: 200, or 204 for an empty answer. */
  readonly status?: 201;
  readonly mayStream?: Streams;
  respond(exchange: Exchange<Path, Request, Parameters> & More): Promise<Outcome<BodyOf<Body, Streams>>> | Outcome<BodyOf<Body, Streams>>;
}

/** A route for a caller with valid credentials. */
export function route<
  const Path extends string,
  Body extends AnswerBody,
  Request extends z.ZodType = z.ZodType,
  Parameters extends z.ZodType = z.ZodType,
  Streams extends boolean = false,
>(
  definition: Definition<Path, Request, Parameters, Body, Streams, WithCaller> & {
    readonly permission: Exclude<RoutePermission, 'public'>;
  },
): Route {
  const { request, query, answer, status, respond, ...described } = definition;
  const check = checkOf<Path, Request, Parameters>({ ...described, request, query });
  const answerWith = answering(answer, status);
  return {
    ...described,
    request,
    query,
    recorded: recordedOf(described),
    paged: false,
    answers: { [defaultStatus(answer, status)]: answer },
    handle(sent, caller) {
      const checked = check(sent);
      return checked.ok ? answerWith(respond({ ...checked.value, caller: present(described, caller) })) : checked;
    },
  };
}

/** A route without authentication. `statusOf` picks the status if `answers` has several. */
export function publicRoute<
  const Path extends string,
  Body extends AnswerBody,
  Request extends z.ZodType = z.ZodType,
  Parameters extends z.ZodType = z.ZodType,
>(
  definition: Omit<Definition<Path, Request, Parameters, Body, false, unknown>, 'permission'> & {
    readonly answers?: Route['answers'];
    statusOf?(body: BodyOf<Body, false>): Status;
  },
): Route {
  const { request, query, answer, status, respond, answers, statusOf, ...described } = definition;
  const check = checkOf<Path, Request, Parameters>({ ...described, request, query });
  const answerWith = answering(answer, status, statusOf);
  return {
    ...described,
    permission: 'public',
    request,
    query,
    recorded: recordedOf(described),
    paged: false,
    answers: answers ?? { [defaultStatus(answer, status)]: answer },
    handle(sent) {
      const checked = check(sent);
      return checked.ok ? answerWith(respond(checked.value)) : checked;
    },
  };
}

/** GET of a paged list. */
export function listRoute<const Path extends string, Item extends z.ZodType, Parameters extends z.ZodType = z.ZodType>({
  query,
  item,
  respond,
  ...described
}: Omit<Described, 'method'> & {
  readonly path: Path;
  readonly query?: Parameters;
  readonly item: Item;
  respond(
    exchange: Exchange<Path, z.ZodType, Parameters> & WithCaller & { readonly page: PageRequest },
  ): Promise<Outcome<Page<ItemOf<Item>>>> | Outcome<Page<ItemOf<Item>>>;
}): Route {
  const check = checkOf<Path, z.ZodType, Parameters>({ path: described.path, request: undefined, query });
  return {
    recorded: 'nothing',
    ...described,
    method: 'GET',
    request: undefined,
    query,
    paged: true,
    answers: { 200: z.array(item) },
    async handle(sent, caller) {
      const page = checkQuery(pageQuery, sent.query);
      if (!page.ok) return page;
      const checked = check(sent);
      if (!checked.ok) return checked;
      const found = await respond({ ...checked.value, caller: present(described, caller), page: page.value });
      // Permissions can change during the read. Checked before the headers, which reveal the total.
      if (caller?.isCurrent?.() === false) return STALE;
      return mapped(found, (items) => ({ status: 200, body: pageText(sent.ctx, page.value, items) }));
    },
  };
}

const defaultStatus = (answer: AnswerBody, status: 201 | undefined): Status =>
  status ?? (answer === 'nothing' ? 204 : answer === 'web-socket' ? 101 : 200);

const recordedOf = ({ method, recorded }: Pick<Described, 'method' | 'recorded'>): Recorded =>
  recorded ?? (method === 'GET' ? 'nothing' : 'change');

function present({ path }: { readonly path: string }, caller: Caller | undefined): Caller {
  if (caller === undefined) throw new Error(`${path} needs a caller`);
  return caller;
}

/** Adds the status to the response of a route, synchronously if the response is. */
function answering<Body>(
  answer: AnswerBody,
  status: 201 | undefined,
  statusOf: (body: Body) => Status = () => defaultStatus(answer, status),
) {
  const toAnswer = (body: Body): Answer | undefined =>
    body === undefined && answer !== 'nothing' ? undefined : { status: statusOf(body), body };
  return (responded: Promise<Outcome<Body>> | Outcome<Body>): Promise<Answered> | Answered =>
    responded instanceof Promise ? responded.then((outcome) => mapped(outcome, toAnswer)) : mapped(responded, toAnswer);
}

interface Checked {
  readonly path: string;
  readonly request: z.ZodType | undefined;
  readonly query: z.ZodType | undefined;
}

/** Validates requests: parameters first, then the body, then the ids in the path. */
function checkOf<Path extends string, Request extends z.ZodType, Parameters extends z.ZodType>({ path, request, query }: Checked) {
  const sessionName = path.startsWith('/sessions/{id}') ? 'id' : path.includes('{session}') ? 'session' : undefined;
  return (sent: Sent): Outcome<Exchange<Path, Request, Parameters>> => {
    const parameters = query === undefined ? accepted(sent.query) : checkQuery(query, sent.query);
    if (!parameters.ok) return parameters;
    const body = request === undefined ? accepted(sent.body) : checkBody(request, sent.body);
    if (!body.ok) return body;
    let { params } = sent;
    if (sessionName !== undefined) {
      const id = (params[sessionName] ?? '').toLowerCase();
      if (!isUuid(id)) return NO_SESSION;
      params = { ...params, [sessionName]: id };
    }
    // The schemas and the path determine these types, but TypeScript cannot follow.
    return accepted({ ...sent, params, query: parameters.value, body: body.value } as unknown as Exchange<Path, Request, Parameters>);
  };
}
