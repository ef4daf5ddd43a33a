/** Generates the OpenAPI 3.1 document from the routes and their schemas. */
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

const DESCRIPTION = `Raworc runs AI agents in sessions on your own machines.

Send \`Authorization: Bearer TOKEN\` with a token from \`POST /auth/login\` or an API key. Errors are always
\`{"error": {"code", "message", "details"?}}\`. Lists are bare arrays, paged by \`limit\` and \`offset\`; the headers X-Total-Count,
X-Page-Offset and X-Page-Limit describe the page. A page ends early at 8 MiB: X-Page-Limit is then its number of items, and the next
page begins at X-Page-Offset + X-Page-Limit. Times are RFC 3339 in UTC. Unknown fields are ignored, and a null field counts
as absent. Every response has an X-Request-Id.`;

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
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'A token from POST /auth/login, or an API key' } },
      },
    },
    { override: ({ jsonSchema, io }) => plainer(jsonSchema, io), allowEmptySchema: { unknown: true } },
  );
}

/**
 * Removes redundant patterns and bounds, and restrictions that would make clients reject an answer
 * with a new field.
 */
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
    .describe('Id of the last event received: the stream resumes after it. If absent, the stream starts with the next event'),
});
const IDEMPOTENCY = z.object({
  'Idempotency-Key': z
    .string()
    .max(255)
    .optional()
    .describe('A request with the same key, caller and body within 24 hours returns the resource created first. A different body is a 422'),
});
const WAIT_HEADER = z.object({
  'X-Raworc-Wait': z.literal('timeout').optional().describe('The wait timed out: the response shows the current state'),
});
const waits = ({ query }: Route): boolean => query instanceof z.ZodObject && 'wait' in query.shape;

const PAGE_HEADERS = z.object({
  'X-Total-Count': z.int(),
  'X-Page-Offset': z.int(),
  'X-Page-Limit': z.int().describe('`limit`, or the number of items if the page ended early at 8 MiB'),
});

function pathParameters(path: string) {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  return z.object(Object.fromEntries(names.map((name) => [name, z.string()])));
}

function queryOf({ query, paged, patternQuery }: Route) {
  // A schema that transforms all parameters together documents its input.
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

const MEANING: Readonly<Partial<Record<number, string>>> = {
  200: 'OK',
  201: 'Created',
  204: 'Done; no body',
  503: 'The controller cannot serve requests',
};

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
  BAD_REQUEST: 'The request is malformed or a query parameter is invalid.',
  UNAUTHORIZED: 'The token or API key is missing, invalid, expired or revoked.',
  FORBIDDEN: 'The caller lacks the permission named in `message`.',
  NOT_FOUND: 'The resource does not exist, or the caller cannot see it.',
  METHOD_NOT_ALLOWED: 'The path does not support this method.',
  REQUEST_TIMEOUT: 'The body arrived too slowly. The server closes the connection.',
  CONFLICT: 'The resource already exists, or its state does not allow this request; `message` says which.',
  PAYLOAD_TOO_LARGE: 'The body is too large.',
  UNSUPPORTED_MEDIA_TYPE: 'The content type or encoding of the body is not supported.',
  UNPROCESSABLE_ENTITY: 'One or more fields are missing or invalid; `details` lists each path and problem.',
  RATE_LIMITED: 'A budget is used up; `details.budget` names it. Retry after `Retry-After` seconds.',
  INTERNAL_ERROR: 'Unexpected server error. Quote `X-Request-Id` when you report it.',
  UNAVAILABLE: 'No capacity, or a required component is offline; `message` says which.',
};
const HEADERS: Readonly<Partial<Record<RefusalCode, Pick<ZodOpenApiResponseObject, 'headers'>>>> = {
  UNAUTHORIZED: { headers: z.object({ 'WWW-Authenticate': z.string() }) },
  RATE_LIMITED: {
    headers: z.object({
      'Retry-After': z.int().describe('Seconds'),
      'RateLimit-Policy': z.string().optional().describe('Budgets charged for this request: `q` is the burst, restored within `w` seconds'),
      RateLimit: z.string().optional().describe('What is left of each budget: `r` requests now, all of it in `t` seconds'),
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

/**
 * Returns every error that the route can answer with: its own, and those that follow from its input
 * and permission.
 */
export function refusalsOf(route: Route): ReadonlySet<RefusalCode> {
  const { permission, method, request, raw, query, paged, creates, path } = route;
  const takesJson = raw === undefined && method !== 'GET' && method !== 'DELETE';
  const codes: RefusalCode[] = ['INTERNAL_ERROR', ...(route.refusals ?? [])];
  if (takesJson || query !== undefined || paged || path.endsWith('/events')) codes.push('BAD_REQUEST');
  if (takesJson || raw !== undefined) codes.push('PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE');
  if (permission !== 'public') codes.push('UNAUTHORIZED');
  // Reads answer 404 instead, and lists leave out what the caller cannot see.
  if (permission.includes(':') && !/^own or \S+:(get|list)$/.test(permission)) codes.push('FORBIDDEN');
  if (request !== undefined || raw !== undefined || creates === true) codes.push('UNPROCESSABLE_ENTITY');
  const isRead = paged && route.fromMemory !== true;
  // Every caller and address has a budget.
  codes.push('RATE_LIMITED');
  // Lists need the reader thread; creating needs disk space.
  if (isRead || route.answers[201] !== undefined) codes.push('UNAVAILABLE');
  return new Set(codes);
}
