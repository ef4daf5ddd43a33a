import fc, { type Arbitrary } from 'fast-check';
import type { Operation, Schema } from '../contract/document.ts';
import { CALLERS, type CallerName } from './callers.ts';
import { Pick } from './pools.ts';
import { fieldValue, ODD_VALUES, parameterValue } from './values.ts';

/** How a path is filled in: with something that is there, with a name of nothing, or with a text that names nothing anywhere. */
export type Target =
  | { readonly kind: 'there' | 'self'; readonly at: number }
  | { readonly kind: 'mixed'; readonly at: number; readonly other: number }
  | { readonly kind: 'unknown'; readonly text: string }
  /** As it is, without encoding. */
  | { readonly kind: 'raw'; readonly text: string };

export type SketchedBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'archive'; readonly which: string }
  | { readonly kind: 'raw'; readonly text: string; readonly mediaType: string | undefined };

/** A request that was generated and not yet sent: what it names is looked up then. */
export interface Sketch {
  readonly operation: Operation;
  readonly method: string;
  readonly caller: CallerName;
  readonly target: Target;
  readonly query: readonly (readonly [name: string, value: unknown])[];
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: SketchedBody;
}

export const ARCHIVES = ['good', 'empty', 'cut', 'outside', 'noise'] as const;

const UUIDS = ['00000000-0000-4000-8000-000000000000', 'ffffffff-ffff-4fff-bfff-ffffffffffff'];
const ODD_SEGMENTS = [
  '%zz',
  '%',
  '%2f..%2f',
  '%00',
  '%ff%fe',
  '..',
  '.',
  '',
  ';x=1',
  '%C0%AF',
  'a'.repeat(5000),
  '*',
  '~',
  ':id',
  '(.*)',
  '%F0%9F%92%A5',
];

const target: Arbitrary<Target> = fc.oneof(
  { weight: 20, arbitrary: fc.nat(1000).map((at) => ({ kind: 'there', at }) as const) },
  { weight: 2, arbitrary: fc.nat(1000).map((at) => ({ kind: 'self', at }) as const) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('mixed' as const), at: fc.nat(1000), other: fc.nat(1000) }) },
  { weight: 1, arbitrary: fc.constantFrom(...UUIDS, 'nobody', 'latest').map((text) => ({ kind: 'unknown', text }) as const) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', minLength: 1 }).map((text) => ({ kind: 'unknown', text }) as const) },
  { weight: 1, arbitrary: fc.constantFrom(...ODD_SEGMENTS).map((text) => ({ kind: 'raw', text }) as const) },
);

const HOSTILE: readonly Readonly<Record<string, string | string[]>>[] = [
  { 'x-request-id': 'kept-1' },
  { 'x-request-id': 'not sane <script>' },
  { 'x-request-id': ['one', 'two'] },
  { 'last-event-id': 'nonsense' },
  { 'last-event-id': '0' },
  { accept: 'text/html' },
  { accept: 'nonsense;;;' },
  { 'x-http-method-override': 'DELETE' },
  { 'x-forwarded-for': '1.2.3.4', 'x-forwarded-host': 'evil.example' },
  { origin: 'https://pages.example' },
  { origin: 'https://evil.example', 'access-control-request-method': 'PUT' },
  { origin: 'https://pages.example', 'access-control-request-method': 'PUT' },
  { host: 'evil.example' },
  { host: '' },
  { range: 'bytes=0-10' },
  { 'if-none-match': '*' },
  { cookie: 'a=b; '.repeat(500) },
  { authorization: ['Bearer a', 'Bearer b'] },
  { 'x-long': 'y'.repeat(8000) },
  { te: 'trailers' },
];
const headers: Arbitrary<Sketch['headers']> = fc.oneof(
  { weight: 9, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.constantFrom(...HOSTILE) },
);
const ODD_KEYS: readonly Sketch['headers'][] = [
  { 'idempotency-key': 'é ' },
  { 'idempotency-key': 'x'.repeat(300) },
  { 'idempotency-key': ['a', 'b'] },
];
const idempotency: Arbitrary<Sketch['headers']> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({}) },
  { weight: 2, arbitrary: fc.nat(30).map((n) => ({ 'idempotency-key': `key-${n}` })) },
  { weight: 1, arbitrary: fc.constantFrom(...ODD_KEYS) },
);

/** Requests of one operation: most of them right, each other one wrong in one way. */
export function sketchOf(operation: Operation): Arbitrary<Sketch> {
  return fc.record({
    operation: fc.constant(operation),
    method: fc.oneof(
      { weight: 30, arbitrary: fc.constant(operation.method) },
      { weight: 1, arbitrary: fc.constantFrom('HEAD', 'OPTIONS', 'PATCH', 'PUT', 'DELETE', 'GET', 'POST', 'TRACE', 'PROPFIND', 'SEARCH') },
    ),
    caller: fc.constantFrom(...CALLERS),
    target: operation.pathParameters.length === 0 ? fc.constant({ kind: 'there', at: 0 } as const) : target,
    query: queryOf(operation),
    headers: fc.tuple(headers, operation.creates ? idempotency : fc.constant({})).map(([a, b]) => ({ ...a, ...b })),
    body: operation.body === undefined ? strayBody : bodyOf(operation, operation.body),
  });
}

const NO_BODY: Arbitrary<SketchedBody> = fc.constant({ kind: 'none' } as const);
const raw = (text: string, mediaType: string | undefined = 'application/json') => ({ kind: 'raw', text, mediaType }) as const;
const BROKEN: readonly SketchedBody[] = [
  ...['{', '{"a":', '[1,]', '{a:1}', "{'a':1}", '\u0000', '{}{}', '\ufeff{', 'undefined', '{"a":1e999,}', '"\\ud800'].map((text) =>
    raw(text),
  ),
  ...[
    'application/xml',
    'text/plain',
    'application/json; charset=latin1',
    'multipart/form-data; boundary=x',
    ';;',
    'application/x-ndjson',
  ].map((type) => raw('{}', type)),
  raw(`{"x":"${'y'.repeat(2 ** 20)}"}`),
  raw('{"a":1,"a":2}'),
  raw('null'),
  raw('   '),
  raw('{}', undefined),
];
/** Where none is wanted. */
const strayBody: Arbitrary<SketchedBody> = fc.oneof(
  { weight: 8, arbitrary: NO_BODY },
  { weight: 1, arbitrary: fc.constant({ kind: 'json', value: { a: 1 } } as const) },
  { weight: 1, arbitrary: fc.constantFrom(...BROKEN) },
);

function bodyOf(operation: Operation, { mediaType, schema }: NonNullable<Operation['body']>): Arbitrary<SketchedBody> {
  if (mediaType !== 'application/json') {
    const archives = fc.constantFrom('good', ...ARCHIVES).map((which) => ({ kind: 'archive', which }) as const);
    return fc.oneof({ weight: 4, arbitrary: archives }, { weight: 1, arbitrary: fc.constantFrom(...BROKEN) });
  }
  const properties = schema.properties ?? {};
  const right = fc.record(
    Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, fieldValue(operation.name, name, inner)])),
    { requiredKeys: [...(schema.required ?? [])], noNullPrototype: true },
  );
  const names = Object.keys(properties);
  const odd = fc.constantFrom(...ODD_VALUES);
  const wrong = fc
    .record({ base: right, field: fc.constantFrom(...names, 'unknown'), value: odd })
    .map(({ base, field, value }) => ({ ...base, [field]: value }));
  const less = fc.record({ base: right, field: fc.constantFrom(...names, 'unknown') }).map(({ base, field }) => {
    const { [field]: _, ...rest } = base as Record<string, unknown>;
    return rest;
  });
  const json = (value: unknown) => ({ kind: 'json', value }) as const;
  return fc.oneof(
    { weight: 14, arbitrary: right.map(json) },
    { weight: 3, arbitrary: wrong.map(json) },
    { weight: 1, arbitrary: less.map(json) },
    { weight: 1, arbitrary: odd.map(json) },
    { weight: 1, arbitrary: NO_BODY },
    { weight: 2, arbitrary: fc.constantFrom(...BROKEN) },
  );
}

const ODD_FILTERS = ['metadata.purpose', 'metadata.', 'metadata.__proto__', 'metadata.a"b', "metadata.a'b"];

function queryOf({ query }: Operation): Arbitrary<Sketch['query']> {
  const odd = fc.constantFrom('', '-1', '0', '1001', '1e3', 'x', '\u0000', '💥', 'a'.repeat(3000), '99999999999999999999');
  if (query.length === 0)
    return fc.oneof({ weight: 9, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: odd.map((text) => [['unknown', text]] as const) });
  const right = (all: readonly Operation['query'][number][]) =>
    fc.tuple(...all.map(({ name, schema }) => parameterValue(name, schema).map((value) => [name, value] as const)));
  const some = fc.subarray([...query]).chain(right);
  const wrong = fc.constantFrom(...query).chain(({ name }) => odd.map((text) => [[name, text]] as const));
  const twice = fc.constantFrom(...query).chain((one: { name: string; schema: Schema }) => right([one, one]));
  const metadata = fc.constantFrom(...ODD_FILTERS).map((name) => [[name, 'x']] as const);
  return fc.oneof(
    { weight: 8, arbitrary: some },
    { weight: 1, arbitrary: wrong },
    { weight: 1, arbitrary: twice },
    {
      weight: query.some(({ name }) => name === 'workspace_name') ? 1 : 0,
      arbitrary: metadata,
    },
  );
}

/** Replaces what was to be looked up. */
export function resolved(value: unknown, name: (pick: Pick) => string): unknown {
  if (value instanceof Pick) return name(value);
  if (Array.isArray(value)) return value.map((inner) => resolved(inner, name));
  if (typeof value !== 'object' || value === null) return value;
  const plain: Record<string, unknown> = Object.create(null);
  for (const [key, inner] of Object.entries(value)) plain[key] = resolved(inner, name);
  return plain;
}
