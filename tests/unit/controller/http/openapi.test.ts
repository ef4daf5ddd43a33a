import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import t from 'tap';
import { z } from 'zod';
import { SseStreams } from '../../../../controller/http/events/sse-streams.ts';
import { allRoutes } from '../../../../controller/http/routes/all-routes.ts';
import { BASE } from '../../../../controller/http/routing/route.ts';
import { plainIds, startRig } from './fakes.ts';

const rig = await startRig();
t.teardown(() => rig.server.close());
const { url } = rig.server;
const { fake, tokens, clock } = rig;
const log = { debug() {}, info() {}, warn() {}, error() {} };
const routes = allRoutes({
  services: fake.services,
  tokens,
  eventIds: plainIds,
  log,
  clock,
  version: '1',
  streams: new SseStreams(clock),
});

t.test('every route says who may call it, what it answers, and an example that its own check takes', async (t) => {
  for (const { method, path, permission, summary, answers, request, example } of routes) {
    const name = `${method} ${path}`;
    t.match(permission, /^(public|self|((own|self) or )?[a-z-]+:[a-z-]+)$/, `${name} names a permission`);
    t.ok(summary.length > 0 && Object.keys(answers).length > 0, `${name} says what it does and answers`);
    if (request === undefined) continue;
    t.equal(request.safeParse(example).error, undefined, `the example of ${name} fits`);
  }
});

t.test('the document is complete: each operation once, each reference there, nothing that JSON Schema does not know', async (t) => {
  const answer = await fetch(`${url}${BASE}/openapi.json`);
  t.equal(answer.status, 200);
  const text = await answer.text();
  const document = z
    .object({
      openapi: z.literal('3.1.1'),
      paths: z.record(
        z.string(),
        z.record(z.string(), z.object({ operationId: z.string(), responses: z.record(z.string(), z.unknown()) })),
      ),
      components: z.record(z.string(), z.record(z.string(), z.unknown())),
    })
    .parse(JSON.parse(text));
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, name: `${method.toUpperCase()} ${path}` })),
  );
  t.same(
    operations.map(({ name }) => name).sort(),
    routes.map(({ method, path }) => `${method} ${path}`).sort(),
    'as many as there are routes',
  );
  t.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length, 'with a name of its own each');
  for (const [, kind = '', name = ''] of text.matchAll(/"#\/components\/(\w+)\/(\w+)"/g))
    t.ok(document.components[kind]?.[name], `${kind}/${name} is there`);
});

t.test('other spellings of a field, and parameters that follow a pattern, are in the schemas', async (t) => {
  const body = z.object({ requestBody: z.object({ content: z.object({ 'application/json': z.object({ schema: z.looseObject({}) }) }) }) });
  const list = z.object({ get: z.object({ parameters: z.array(z.looseObject({ name: z.string(), schema: z.looseObject({}) })) }) });
  const document = z
    .object({
      paths: z.object({ '/roles': z.object({ post: body }), '/role-bindings': z.object({ post: body }), '/sessions': list }),
      components: z.unknown(),
    })
    .parse(await (await fetch(`${url}${BASE}/openapi.json`)).json());
  const schemaOf = (path: '/roles' | '/role-bindings') => document.paths[path].post.requestBody.content['application/json'].schema;
  const ajv = new Ajv2020({ strict: false });
  addFormats.default(ajv);
  const rule = { resources: ['sessions'], verbs: ['get'] };
  for (const [path, fits, lacks] of [
    [
      '/roles',
      [
        { name: 'a', rules: [rule] },
        { id: 'a', rules: [{ ...rule, apiGroups: ['*'], resourceNames: ['x'] }] },
      ],
      { rules: [rule] },
    ],
    [
      '/role-bindings',
      [
        { role_name: 'a', principal: 'b' },
        { role_ref: 'a', subject: 'b' },
        { role_ref: 'a', principal: 'b' },
      ],
      { role_ref: 'a' },
    ],
  ] as const) {
    const schema = schemaOf(path);
    const validate = ajv.compile({ ...schema, components: document.components });
    for (const body of fits) t.ok(validate(body), `${path} ${JSON.stringify(body)} ${ajv.errorsText(validate.errors)}`);
    t.notOk(validate(lacks), `${path} ${JSON.stringify(lacks)}`);
    t.notOk(validate({ ...fits[0], ...(path === '/roles' ? { id: 3 } : { subject: 3 }) }), `${path}: of the same type`);
  }
  const metadata = document.paths['/sessions'].get.parameters.find(({ name }) => name === 'metadata');
  t.match(metadata, { style: 'form', explode: true }, 'each property is a parameter');
  const validate = ajv.compile(metadata?.schema ?? false);
  t.ok(validate({ 'metadata.a': 'b' }));
  t.notOk(validate({ other: 'b' }));
});

t.test('the reference page and all that it loads come from here', async (t) => {
  const page = await fetch(`${url}/docs`);
  t.equal(page.status, 200);
  t.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'; script-src 'self'/);
  const html = await page.text();
  const loaded = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address = '']) => address);
  t.ok(loaded.length >= 5);
  for (const address of loaded) {
    t.match(address, /^\//, `${address} is of this server`);
    t.equal((await fetch(url + address)).status, 200, `${address} is there`);
  }
  t.equal((await fetch(`${url}/docs/../package.json`)).status, 404);
  t.equal((await fetch(`${url}/docs/nothing.js`)).status, 404);
});
