import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Context, Middleware } from 'koa';
import type { BudgetGate } from '../access/budget-gate.ts';
import { BASE } from '../routing/route.ts';

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Raworc API</title>
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<noscript>The document is at <a href="${BASE}/openapi.json">${BASE}/openapi.json</a>.</noscript>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/page.js"></script>
</body>
</html>
`;
const SCRIPT = `SwaggerUIBundle({
  url: '${BASE}/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  persistAuthorization: false,
  displayRequestDuration: true,
  validatorUrl: null,
});
`;
const FILES: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};
/** The page uses inline styles and data URLs, and connects to this server only. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** GET /docs: serves Swagger UI, with its files, for the OpenAPI document. */
export function referencePage(gate: Pick<BudgetGate, 'stranger'>): Middleware {
  const directory = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const kept = new Map<string, Buffer>();
  const page: Middleware = async (ctx, next) => {
    if (!gate.stranger(ctx)) return;
    const file = /^\/docs\/([\w.-]*)$/.exec(ctx.path)?.[1];
    if (ctx.path === '/docs' || file === '') return answer(ctx, 'text/html; charset=utf-8', PAGE);
    if (file === 'page.js') return answer(ctx, 'text/javascript; charset=utf-8', SCRIPT);
    const type = file === undefined ? undefined : FILES[file];
    if (file === undefined || type === undefined) return next();
    const content = kept.get(file) ?? (await readFile(join(directory, file)));
    kept.set(file, content);
    answer(ctx, type, content);
  };
  return (ctx, next) => (ctx.path.startsWith('/docs') && (ctx.method === 'GET' || ctx.method === 'HEAD') ? page(ctx, next) : next());
}

function answer(ctx: Context, type: string, content: string | Buffer): void {
  ctx.set({
    'Content-Type': type,
    'Content-Security-Policy': POLICY,
    'Cache-Control': 'no-cache',
    'Cross-Origin-Opener-Policy': 'same-origin',
  });
  ctx.body = content;
}
