import { z } from 'zod';
import { accepted } from '../../domain/engine/outcome.ts';
import { JsonText } from '../../services/engine/json-text.ts';
import { publicRoute, type Route } from '../routing/route.ts';
import { openApiDocument } from './openapi.ts';

/** Serves the document of all routes, including this one. Generated on the first request. */
export function documentRoute(version: string, routes: () => readonly Route[]): Route {
  let text: JsonText<{ openapi: string; paths: Record<string, unknown> }> | undefined;
  return publicRoute({
    method: 'GET',
    path: '/openapi.json',
    operation: 'getDocument',
    summary: 'Returns this API as an OpenAPI 3.1 document.',
    answer: z.looseObject({ openapi: z.string(), paths: z.record(z.string(), z.unknown()) }),
    respond() {
      text ??= new JsonText(JSON.stringify(openApiDocument(routes(), version)));
      return accepted(text);
    },
  });
}
