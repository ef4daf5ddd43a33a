/** Writes sdk/generated from the routes and their OpenAPI document. */
import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openApiDocument } from '../controller/http/document/openapi.ts';
import { allRoutes } from '../controller/http/routes/all-routes.ts';
import './sdk-generator-compiler.mjs';
import { operationsSource } from './sdk-operations.ts';
import { withOneSpelling } from './sdk-spellings.ts';

const { createClient } = await import('@hey-api/openapi-ts');
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const out = resolve(process.argv[2] ?? join(root, 'sdk', 'generated'));

/** Routes are only described here, so they never use their dependencies. */
const nothing: never = new Proxy(() => nothing, { get: () => nothing }) as never;
const routes = allRoutes(nothing);
const document = withOneSpelling(JSON.parse(JSON.stringify(openApiDocument(routes, 'v0'))));

rmSync(out, { recursive: true, force: true });
// Only types: our methods are smaller than generated ones and need no code at run time.
await createClient({
  input: document as Record<string, unknown>,
  output: { path: out, module: { extension: '.ts' }, entryFile: false },
  plugins: ['@hey-api/typescript'],
  logs: { level: 'silent' },
});
writeFileSync(join(out, 'operations.gen.ts'), operationsSource(routes));
