import { z } from 'zod';
import type { ZodOpenApiResponseObject } from 'zod-openapi';
import { errorObject, type RefusalCode } from '../../contract/errors.ts';
import type { Route } from '../routing/route.ts';

const DESCRIPTIONS: Readonly<Record<RefusalCode, string>> = {
  BAD_REQUEST: 'The request is malformed or a query parameter is invalid.',
  UNAUTHORIZED: 'The token or API key is missing, invalid, expired or revoked.',
  FORBIDDEN: 'The caller lacks the permission named in `message`.',
  NOT_FOUND: 'The resource does not exist, or the caller cannot see it.',
  METHOD_NOT_ALLOWED: 'The path does not support this method.',
  REQUEST_TIMEOUT: 'The body arrived too slowly. The server closes the connection.',
  CONFLICT: 'The resource already exists, or its state does not allow this request; `message` says which.',
  PRECONDITION_FAILED: 'The file is not the one that If-Match or If-None-Match allows: read it again.',
  PAYLOAD_TOO_LARGE: 'The body is too large.',
  UNSUPPORTED_MEDIA_TYPE: 'The content type or encoding of the body is not supported.',
  RANGE_NOT_SATISFIABLE: 'The file has none of the bytes of the range; `details.size` says how many it has.',
  UNPROCESSABLE_ENTITY: 'One or more fields are missing or invalid; `details` lists each path and problem.',
  RATE_LIMITED: 'A budget is used up; `details.budget` names it. Retry after `Retry-After` seconds.',
  INTERNAL_ERROR: 'Unexpected server error. Quote `X-Request-Id` when you report it.',
  UNAVAILABLE: 'No capacity, or a required component is offline; `message` says which.',
  INSUFFICIENT_STORAGE: 'The disk of the session is full. Remove files in it, then retry.',
};

const HEADERS: Readonly<Partial<Record<RefusalCode, z.ZodObject>>> = {
  UNAUTHORIZED: z.object({ 'WWW-Authenticate': z.string() }),
  RATE_LIMITED: z.object({
    'Retry-After': z.int().describe('Seconds'),
    'RateLimit-Policy': z.string().optional().describe('Budgets charged for this request: `q` is the burst, restored within `w` seconds'),
    RateLimit: z.string().optional().describe('What is left of each budget: `r` requests now, all of it in `t` seconds'),
  }),
  UNAVAILABLE: z.object({ 'Retry-After': z.int().optional().describe('Seconds') }),
};

/** Returns the response of an error code, defined once in the document. */
export function refusalResponse(code: RefusalCode): ZodOpenApiResponseObject {
  const known = RESPONSES.get(code) ?? {
    id: code,
    description: DESCRIPTIONS[code],
    ...(HEADERS[code] === undefined ? {} : { headers: HEADERS[code] }),
    content: { 'application/json': { schema: errorObject } },
  };
  RESPONSES.set(code, known);
  return known;
}

const RESPONSES = new Map<RefusalCode, ZodOpenApiResponseObject>();

/**
 * Returns every error that a route can answer with: its own, and those that follow from its input
 * and permission.
 */
export function refusalsOf(route: Route): ReadonlySet<RefusalCode> {
  const { permission, method, request, raw, query, paged, creates, path } = route;
  const takesJson = raw === undefined && method !== 'GET' && method !== 'DELETE';
  // Every caller and address has a budget.
  const codes: RefusalCode[] = ['INTERNAL_ERROR', 'RATE_LIMITED', ...(route.refusals ?? [])];
  if (takesJson || query !== undefined || paged || path.endsWith('/events')) codes.push('BAD_REQUEST');
  if (takesJson || raw !== undefined) codes.push('PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE');
  if (permission !== 'public') codes.push('UNAUTHORIZED');
  // Reads answer 404 instead, and lists leave out what the caller cannot see.
  if (permission.includes(':') && !/^own or \S+:(get|list)$/.test(permission)) codes.push('FORBIDDEN');
  if (request !== undefined || raw !== undefined || creates === true) codes.push('UNPROCESSABLE_ENTITY');
  // Lists need the reader thread; creating needs disk space.
  if ((paged && route.fromMemory !== true) || route.answers[201] !== undefined) codes.push('UNAVAILABLE');
  return new Set(codes);
}
