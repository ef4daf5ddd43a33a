import { z } from 'zod';
import { accepted } from '../../domain/engine/outcome.ts';
import { JsonText } from '../../services/engine/json-text.ts';
import { openApiDocument } from '../document/openapi.ts';
import { publicRoute, type Route } from '../routing/route.ts';

/** The document of all routes, this one too. It is made when it is first asked for. */
export function documentRoute(version: string, routes: () => readonly Route[]): Route {
  let made: JsonText | undefined;
  return publicRoute({
    method: 'GET',
    path: '/openapi.json',
    operation: 'getDocument',
    summary: 'This API as an OpenAPI 3.1 document',
    answers: { 200: z.looseObject({ openapi: z.string(), paths: z.record(z.string(), z.unknown()) }) },
    respond() {
      made ??= new JsonText(JSON.stringify(openApiDocument(routes(), version)));
      return accepted({ status: 200, body: made });
    },
  });
}
