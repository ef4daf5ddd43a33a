/** Generates the OpenAPI 3.1 document from the routes and their schemas. */
import { z } from 'zod';
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiOverrideContext,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponseObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi';
import { STATUS_OF } from '../../contract/errors.ts';
import { pageQuery } from '../../contract/pages.ts';
import { operationOf } from '../routing/operation-name.ts';
import { type AnswerBody, BASE, type Route } from '../routing/route.ts';
import { refusalResponse, refusalsOf } from './refusals.ts';

const DESCRIPTION = `Raworc runs AI agents in sessions on your own machines.

Send \`Authorization: Bearer TOKEN\` with a token from \`POST /auth/login\` or an API key. Errors are always
\`{"error": {"code", "message", "details"?}}\`. Lists are bare arrays, paged by \`limit\` and \`offset\`; the headers X-Total-Count,
X-Page-Offset and X-Page-Limit describe the page. A page ends early at 8 MiB: X-Page-Limit is then the number of its items, and the next
page starts at X-Page-Offset + X-Page-Limit. Times are RFC 3339 in UTC. Unknown fields are ignored, and a null field counts as
absent. Every response has an X-Request-Id.`;

export function openApiDocument(routes: readonly Route[], version: string): ReturnType<typeof createDocument> {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route, routes) };
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
    { override: simplify, allowEmptySchema: { unknown: true } },
  );
}

/**
 * Removes redundant patterns and bounds, and anything that would make clients reject an answer with
 * new fields.
 */
function simplify({ jsonSchema: schema, io }: ZodOpenApiOverrideContext): void {
  if (io === 'output' && schema.additionalProperties === false) delete schema.additionalProperties;
  if (schema.format !== undefined) delete schema.pattern;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
}

function operation(route: Route, routes: readonly Route[]): ZodOpenApiOperationObject {
  const { path, summary, description, permission } = route;
  const [, tag = ''] = path.split('/');
  return {
    operationId: operationOf(route, routes),
    tags: [tag],
    summary,
    description: `${description === undefined ? '' : `${description}\n\n`}Permission: ${permission}.`,
    ...(permission === 'public' ? { security: [] } : {}),
    requestParams: parameters(route),
    ...requestBody(route),
    responses: responses(route),
  };
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

function parameters(route: Route): NonNullable<ZodOpenApiOperationObject['requestParams']> {
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [name, z.string()] as const);
  const query = queryShape(route);
  return {
    ...(names.length === 0 ? {} : { path: z.object(Object.fromEntries(names)) }),
    ...(Object.keys(query).length === 0 ? {} : { query: z.object(query) }),
    ...(route.creates === true ? { header: IDEMPOTENCY } : route.answers[200] === 'event-stream' ? { header: RESUMING } : {}),
  };
}

function queryShape({ query, paged, patternQuery }: Route): z.ZodRawShape {
  // A schema that transforms all parameters together documents its input.
  const sent = query instanceof z.ZodPipe ? query.in : query;
  const pattern = patternQuery?.schema.optional().meta({ param: { style: 'form', explode: true } });
  return {
    ...(sent instanceof z.ZodObject ? sent.shape : {}),
    ...(patternQuery === undefined || pattern === undefined ? {} : { [patternQuery.name]: pattern }),
    ...(paged ? pageQuery.shape : {}),
  };
}

function requestBody({ request, raw, example }: Route): Pick<ZodOpenApiOperationObject, 'requestBody'> {
  if (raw !== undefined) return { requestBody: { required: true, content: { [raw]: { schema: { type: 'string', format: 'binary' } } } } };
  if (request === undefined) return {};
  const required = !request.safeParse({}).success;
  return { requestBody: { required, content: { 'application/json': { schema: request, ...(example === undefined ? {} : { example }) } } } };
}

const MEANING: Readonly<Partial<Record<number, string>>> = {
  101: 'The connection becomes a WebSocket',
  200: 'Success',
  201: 'Created',
  204: 'Success, without a body',
  503: 'The controller cannot serve requests',
};
const PAGE_HEADERS = {
  'X-Total-Count': z.int(),
  'X-Page-Offset': z.int(),
  'X-Page-Limit': z.int().describe('`limit`, or the number of items if the page ended early at 8 MiB'),
};
const WAIT_HEADERS = {
  'X-Raworc-Wait': z.literal('timeout').optional().describe('The wait timed out: the response shows the current state'),
};

function responses(route: Route): ZodOpenApiResponsesObject {
  const all: Record<string, ZodOpenApiResponseObject> = {};
  for (const code of refusalsOf(route)) all[STATUS_OF[code]] = refusalResponse(code);
  const headers = { ...(route.paged ? PAGE_HEADERS : {}), ...('wait' in queryShape(route) ? WAIT_HEADERS : {}) };
  for (const [status, body] of Object.entries(route.answers)) {
    const content = {
      ...contentOf(body),
      ...(route.mayStream === true && body !== 'web-socket' ? contentOf('event-stream') : {}),
      ...(route.binary === undefined ? {} : { [route.binary]: { schema: { type: 'string', format: 'binary' } as const } }),
    };
    all[status] = {
      description: MEANING[Number(status)] ?? '',
      ...(Object.keys(content).length === 0 ? {} : { content }),
      ...(Object.keys(headers).length === 0 ? {} : { headers: z.object(headers) }),
    };
  }
  return all as ZodOpenApiResponsesObject;
}

function contentOf(body: AnswerBody): NonNullable<ZodOpenApiResponseObject['content']> {
  if (body === 'nothing' || body === 'web-socket') return {};
  return body === 'event-stream' ? { 'text/event-stream': { schema: { type: 'string' } } } : { 'application/json': { schema: body } };
}
