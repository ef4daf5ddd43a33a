import fc, { type Arbitrary } from 'fast-check';
import { CONTROL, DATA, type E2bRoute, FIELDS } from './routes.ts';

/** What a request is about, looked up when it is sent: the same sandbox may then be gone. */
export type Subject = { readonly kind: 'there'; readonly at: number } | { readonly kind: 'named'; readonly id: string };

export type SketchedBody =
  | { readonly kind: 'message'; readonly fields: Readonly<Record<string, unknown>> }
  | { readonly kind: 'raw'; readonly text: string };

/** How messages of a Connect stream are framed. */
export type Framing = 'one' | 'none' | 'two' | 'compressed' | 'too-long' | 'cut';

/** A request that was generated and not yet sent. */
export interface E2bSketch {
  readonly route: E2bRoute;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly subject: Subject;
  readonly proof: 'own' | 'none' | 'wrong' | 'other';
  readonly body: SketchedBody;
  readonly framing: Framing;
  /** Over those that the route takes. */
  readonly headers: Readonly<Record<string, string>>;
}

const TEXTS = ['', ' ', '/', '..', '../../etc/passwd', '/home/user/a', 'a/b', 'a\0b', '%00', '💥', 'x'.repeat(5000), '__proto__', '-1'];
const RAW = ['', '{', 'null', '[]', '"text"', '1e999', `${'['.repeat(5000)}`, '{"a":1}{"b":2}', '\ufeff{}', '{"__proto__":{"x":1}}', '\0'];
const NAMED = ['nobody', '00000000-0000-4000-8000-000000000000', '__proto__', '..', '%2f', 'A'.repeat(300), '💥'].map(encodeURIComponent);
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
const PATHS = [
  '/',
  '//',
  '/sandboxes/',
  '/%zz',
  '/v2/templates',
  '/volumes/x',
  '/secrets',
  '/teams',
  '/sandboxes/x/logs',
  '/process.Process/',
];
const QUERIES = [
  ...['path=', 'path=%00', 'path=a&path=b', 'username=root', 'username=nobody', 'signature=v1_x', 'signature=x&signature_expiration=1'],
  ...['limit=0', 'limit=x', 'nextToken=x', 'nextToken=%ff', 'state=paused', 'state=odd', 'metadata=a%3Db', 'metadata=%', 'start=x&end=-1'],
];

const junk: Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.constantFrom(null, true, false, 0, -1, 1.5, 2 ** 53, 1e300, [], {}),
  fc.jsonValue({ maxDepth: 2 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
);

const HEADERS: readonly Readonly<Record<string, string>>[] = [
  { 'content-type': 'text/plain' },
  { 'content-type': 'application/connect+proto' },
  { 'content-type': 'multipart/form-data; boundary=x' },
  { 'content-type': 'multipart/form-data' },
  { 'content-encoding': 'gzip' },
  { 'content-encoding': 'br' },
  { 'connect-timeout-ms': '1' },
  { 'connect-timeout-ms': 'never' },
  { 'keepalive-ping-interval': '99999999999' },
  { 'e2b-sandbox-port': '0' },
  { 'e2b-sandbox-port': '99999' },
  { 'e2b-sandbox-port': '1' },
  { 'e2b-sandbox-port': 'x' },
  { host: '49983-nobody.sbx.test' },
  { host: '' },
  { authorization: 'Basic !!!' },
  { authorization: `Basic ${Buffer.from('nobody:').toString('base64')}` },
  { authorization: `Basic ${Buffer.from('root:').toString('base64')}` },
  { range: 'bytes=0-1' },
  { range: 'bytes=5-' },
  { range: 'bytes=9-1,2-3' },
  { 'x-forwarded-for': '1.2.3.4' },
  { expect: 'nothing' },
];

/** One field of the route has another value, or a field of any name is there. */
function changed(fields: Readonly<Record<string, unknown>>): Arbitrary<Readonly<Record<string, unknown>>> {
  const names = [...Object.keys(fields), ...FIELDS];
  return fc.tuple(fc.constantFrom(...names), junk).map(([name, value]) => ({ ...fields, [name]: value }));
}

const whole = (route: E2bRoute): Arbitrary<SketchedBody> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...route.messages).map((fields) => ({ kind: 'message', fields }) as const) },
    {
      weight: 4,
      arbitrary: fc
        .constantFrom(...route.messages)
        .chain(changed)
        .map((fields) => ({ kind: 'message', fields }) as const),
    },
    { weight: 1, arbitrary: fc.oneof(fc.constantFrom(...RAW), fc.string()).map((text) => ({ kind: 'raw', text }) as const) },
  );

/** A request as the SDKs send it, of which mostly one thing is otherwise. */
export const e2bSketch: Arbitrary<E2bSketch> = fc.constantFrom(...CONTROL, ...DATA).chain((route) =>
  fc.record({
    route: fc.constant(route),
    method: fc.oneof({ weight: 19, arbitrary: fc.constant(route.method) }, { weight: 1, arbitrary: fc.constantFrom(...METHODS) }),
    path: fc.oneof({ weight: 24, arbitrary: fc.constant(route.path) }, { weight: 1, arbitrary: fc.constantFrom(...PATHS) }),
    query: fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...(route.queries ?? [''])) },
      { weight: 2, arbitrary: fc.constantFrom(...QUERIES) },
    ),
    subject: fc.oneof(
      { weight: 12, arbitrary: fc.nat(1000).map((at) => ({ kind: 'there', at }) as const) },
      { weight: 1, arbitrary: fc.constantFrom(...NAMED).map((id) => ({ kind: 'named', id }) as const) },
    ),
    proof: fc.constantFrom(...(Array.from({ length: 12 }, () => 'own') as 'own'[]), 'none' as const, 'wrong' as const, 'other' as const),
    body: whole(route),
    framing: fc.oneof(
      { weight: 12, arbitrary: fc.constant('one' as const) },
      { weight: 3, arbitrary: fc.constantFrom<Framing>('none', 'two', 'compressed', 'too-long', 'cut') },
    ),
    headers: fc.oneof({ weight: 5, arbitrary: fc.constant({}) }, { weight: 2, arbitrary: fc.constantFrom(...HEADERS) }),
  }),
);
