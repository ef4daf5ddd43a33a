/** The OpenAPI 3.1 document, made from the definitions that the router and the checks are made from. */
import { z } from 'zod';
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponseObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi';
import type { RefusalCode } from '../../contract/errors.ts';
import { errorObject } from '../../contract/errors.ts';
import { pageQuery } from '../../contract/pages.ts';
import { STATUS_OF } from '../routing/errors.ts';
import { operationOf } from '../routing/operation-name.ts';
import { type AnswerBody, BASE, type Route } from '../routing/route.ts';

export type OpenApiDocument = ReturnType<typeof createDocument>;

const DESCRIPTION = `Raworc runs AI agents in sessions on machines of your own.

Send \`Authorization: Bearer TOKEN\` with a token of \`POST /auth/login\` or an API key. Errors are always
\`{"error": {"code", "message", "details"?}}\`. Lists are bare arrays, paged by \`limit\` and \`offset\`; the headers X-Total-Count,
X-Page-Offset and X-Page-Limit say where the page is. A page ends early at 8 MiB: X-Page-Limit is then the number of its items, and the next
page begins at X-Page-Offset + X-Page-Limit. Times are RFC 3339 in UTC. Unknown fields are ignored, and a field that is null
is absent. Every answer carries X-Request-Id.`;

export function openApiDocument(routes: readonly Route[], version: string): OpenApiDocument {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const route of routes) {
    const methods = paths[route.path] ?? {};
    methods[route.method.toLowerCase()] = operation(route, routes);
    paths[route.path] = methods;
  }
  return createDocument(
    {
      openapi: '3.1.1',
      info: { title: 'Raworc', version, description: DESCRIPTION },
      servers: [{ url: BASE }],
      security: [{ bearer: [] }],
      paths: paths as ZodOpenApiPathsObject,
      components: {
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'A token of POST /auth/login, or an API key' } },
      },
    },
    { override: ({ jsonSchema, io }) => plainer(jsonSchema, io), allowEmptySchema: { unknown: true } },
  );
}

/** Takes out what only repeats a format or the bounds of a number, and what would make clients refuse an answer with a new field. */
function plainer(
  schema: { additionalProperties?: unknown; format?: unknown; pattern?: unknown; minimum?: unknown; maximum?: unknown },
  io: string,
): void {
  if (io === 'output' && schema.additionalProperties === false) delete schema.additionalProperties;
  if (schema.format !== undefined) delete schema.pattern;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
}

function operation(route: Route, routes: readonly Route[]): ZodOpenApiOperationObject {
  const [tag = ''] = route.path.split('/').filter((segment) => segment !== '');
  return {
    operationId: operationOf(route, routes),
    tags: [tag],
    summary: route.summary,
    description: [route.description, `Permission: ${route.permission}.`].filter((text) => text !== undefined).join('\n\n'),
    ...(route.permission === 'public' ? { security: [] } : {}),
    requestParams: {
      ...(route.path.includes('{') ? { path: pathParameters(route.path) } : {}),
      ...queryOf(route),
      ...headersOf(route),
    },
    ...requestBody(route),
    responses: responses(route),
  };
}

function headersOf({ creates, answers }: Route): { readonly header?: z.ZodObject } {
  if (creates === true) return { header: IDEMPOTENCY };
  return answers[200] === 'event-stream' ? { header: RESUMING } : {};
}

const RESUMING = z.object({
  'Last-Event-ID': z
    .string()
    .optional()
    .describe('The id of the last event that was seen: the stream goes on after it. Without it, it begins with what happens from now on'),
});
const IDEMPOTENCY = z.object({
  'Idempotency-Key': z
    .string()
    .max(255)
    .optional()
    .describe('The same key, caller and body within 24 h gives the thing that was made; another body is a 422'),
});
const WAIT_HEADER = z.object({
  'X-Raworc-Wait': z.literal('timeout').optional().describe('The time was up first: this is how things are now'),
});
const waits = ({ query }: Route): boolean => query instanceof z.ZodObject && 'wait' in query.shape;

const PAGE_HEADERS = z.object({
  'X-Total-Count': z.int(),
  'X-Page-Offset': z.int(),
  'X-Page-Limit': z.int().describe('`limit`, or the number of items where the page ended early at 8 MiB'),
});

function pathParameters(path: string) {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  return z.object(Object.fromEntries(names.map((name) => [name, z.string()])));
}

function queryOf({ query, paged, patternQuery }: Route) {
  // A transformation of all parameters together shows what it is made from.
  const sent = query instanceof z.ZodPipe ? query.in : query;
  const own = sent instanceof z.ZodObject ? sent.shape : {};
  const pattern =
    patternQuery === undefined
      ? {}
      : { [patternQuery.name]: patternQuery.schema.optional().meta({ param: { style: 'form', explode: true } }) };
  const shape = { ...own, ...pattern, ...(paged ? pageQuery.shape : {}) };
  return Object.keys(shape).length === 0 ? {} : { query: z.object(shape) };
}

function requestBody({ request, raw, example }: Route): Pick<ZodOpenApiOperationObject, 'requestBody'> {
  if (raw !== undefined) return { requestBody: { required: true, content: { [raw]: { schema: { type: 'string', format: 'binary' } } } } };
  if (request === undefined) return {};
  const required = !request.safeParse({}).success;
  return { requestBody: { required, content: { 'application/json': { schema: request, ...(example === undefined ? {} : { example }) } } } };
}

const MEANING: Readonly<Partial<Record<number, string>>> = { 200: 'Done', 201: 'Made', 204: 'Done; no body', 503: 'It cannot serve' };

function responses(route: Route): ZodOpenApiResponsesObject {
  const all: Record<string, ZodOpenApiResponseObject> = {};
  for (const code of refusalsOf(route)) all[STATUS_OF[code]] = REFUSALS[code];
  for (const [status, body] of Object.entries(route.answers)) {
    const description = MEANING[Number(status)] ?? '';
    const shown = [...(route.paged ? [PAGE_HEADERS] : []), ...(waits(route) ? [WAIT_HEADER] : [])];
    const headers = shown.length === 0 ? {} : { headers: z.object(Object.assign({}, ...shown.map(({ shape }) => shape))) };
    const types = { ...content(body), ...(route.mayStream === true ? content('event-stream') : {}) };
    all[status] = { description, ...(Object.keys(types).length === 0 ? {} : { content: types }), ...headers };
  }
  return all as ZodOpenApiResponsesObject;
}

function content(body: AnswerBody): NonNullable<ZodOpenApiResponseObject['content']> {
  if (body === 'nothing') return {};
  return body === 'event-stream' ? { 'text/event-stream': { schema: { type: 'string' } } } : { 'application/json': { schema: body } };
}

const WORDS: Readonly<Record<RefusalCode, string>> = {
  BAD_REQUEST: 'The request cannot be read, or a parameter does not fit',
  UNAUTHORIZED: 'No token, or one that is not good (any more)',
  FORBIDDEN: 'The permission is missing',
  NOT_FOUND: 'There is no such thing, or none that the caller may see',
  METHOD_NOT_ALLOWED: 'Not a method of this path',
  REQUEST_TIMEOUT: 'The body arrives too slowly; the connection is closed',
  CONFLICT: 'It is there already, or its state does not allow this: the message says what is allowed',
  PAYLOAD_TOO_LARGE: 'The body is too large',
  UNSUPPORTED_MEDIA_TYPE: 'The body is of another type than the one that is taken',
  UNPROCESSABLE_ENTITY: 'A field is missing or does not fit: `details` lists path and problem of each',
  RATE_LIMITED: 'A budget is used up: `details.budget` names it, and Retry-After says when to come back',
  INTERNAL_ERROR: 'A fault of the server; X-Request-Id finds it in its log',
  UNAVAILABLE: 'There is no room, or what is needed is away: the message says what',
};
const HEADERS: Readonly<Partial<Record<RefusalCode, Pick<ZodOpenApiResponseObject, 'headers'>>>> = {
  UNAUTHORIZED: { headers: z.object({ 'WWW-Authenticate': z.string() }) },
  RATE_LIMITED: {
    headers: z.object({
      'Retry-After': z.int().describe('Seconds'),
      'RateLimit-Policy': z.string().optional().describe('Budgets that this request was charged to: `q` at once, back in `w` seconds'),
      RateLimit: z.string().optional().describe('What is left of them: `r` now, all of it in `t` seconds'),
    }),
  },
  UNAVAILABLE: { headers: z.object({ 'Retry-After': z.int().optional().describe('Seconds') }) },
};
const REFUSALS = Object.fromEntries(
  Object.entries(WORDS).map(([code, description]) => [
    code,
    { id: code, description, ...(HEADERS[code as RefusalCode] ?? {}), content: { 'application/json': { schema: errorObject } } },
  ]),
) as unknown as Readonly<Record<RefusalCode, ZodOpenApiResponseObject>>;

/** Every refusal that the route can answer with: its own, and those that follow from what it takes and who may call it. */
export function refusalsOf(route: Route): ReadonlySet<RefusalCode> {
  const { permission, method, request, raw, query, paged, creates, path } = route;
  const takesJson = raw === undefined && method !== 'GET' && method !== 'DELETE';
  const codes: RefusalCode[] = ['INTERNAL_ERROR', ...(route.refusals ?? [])];
  if (takesJson || query !== undefined || paged || path.endsWith('/events')) codes.push('BAD_REQUEST');
  if (takesJson || raw !== undefined) codes.push('PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE');
  if (permission !== 'public') codes.push('UNAUTHORIZED');
  // What may not be read is not there, and a list leaves it out.
  if (permission.includes(':') && !/^own or \S+:(get|list)$/.test(permission)) codes.push('FORBIDDEN');
  if (request !== undefined || raw !== undefined || creates === true) codes.push('UNPROCESSABLE_ENTITY');
  const isRead = paged && route.fromMemory !== true;
  // Each caller and each address has a budget.
  codes.push('RATE_LIMITED');
  // A list when its reader is away; what creates something while the disk is low.
  if (isRead || route.answers[201] !== undefined) codes.push('UNAVAILABLE');
  return new Set(codes);
}
