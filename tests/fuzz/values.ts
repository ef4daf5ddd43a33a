import fc, { type Arbitrary } from 'fast-check';
import type { Schema } from '../contract/document.ts';
import { PASSWORD } from './constants.ts';
import { Pick, type Pick as Picked } from './pools.ts';

const picked = (kind: Picked['kind']) => fc.nat({ max: 1000 }).map((at) => new Pick(kind, at));
const nowhere = fc.constantFrom('nowhere', 'No-such', '00000000-0000-4000-8000-000000000000');
const spaces = fc.oneof({ weight: 8, arbitrary: picked('space') }, { weight: 1, arbitrary: nowhere });
const named = (kind: Picked['kind']) =>
  fc.oneof({ weight: 6, arbitrary: picked('fresh') }, { weight: 3, arbitrary: picked(kind) }, { weight: 1, arbitrary: nowhere });
const there = (kind: Picked['kind']) => fc.oneof({ weight: 8, arbitrary: picked(kind) }, { weight: 1, arbitrary: nowhere });
const words = (...all: string[]) => fc.constantFrom(...all);
const MIB = 1024 * 1024;

const rules = fc.array(
  fc.record({
    resources: fc.subarray(['sessions', 'spaces', 'agents', 'builds', 'secrets', 'nodes', 'roles', 'service-accounts', '*'], {
      minLength: 1,
    }),
    verbs: fc.subarray(['list', 'get', 'create', 'update', 'delete', 'logs', 'read', '*'], { minLength: 1 }),
  }),
  { maxLength: 3 },
);
const metadata = fc.oneof(
  fc.constant({}),
  fc.constant({ agent: 'nobody' }),
  fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3, noNullPrototype: true }),
);
const resources = fc.oneof(
  { weight: 8, arbitrary: fc.constant({ requests: { cpu: 0.01, memory_bytes: MIB } }) },
  { weight: 1, arbitrary: fc.constant({ requests: { memory_bytes: 2 ** 37 } }) },
);
const timeouts = fc.constantFrom({}, { idle_pause_s: 1 }, { idle_suspend_s: 1 }, { ttl_s: 1 }, { ttl_s: 3600, idle_pause_s: null });
const settings = fc.oneof(
  fc.constant({}),
  fc.record({ timeouts, note: fc.string() }),
  fc.constantFrom({ quotas: { sessions: 0 } }, { quotas: { sessions: 5, cpu: 1 } }, { quotas: {} }),
);

/** What a field means, where the schema alone would seldom hit something that is there. */
const MEANT: Readonly<Record<string, Arbitrary<unknown>>> = {
  'POST /spaces name': named('space'),
  'POST /roles name': named('role'),
  'POST /spaces/{name}/agents name': fc.oneof(named('agent'), words('greeter', 'running')),
  'POST /service-accounts user': named('account'),
  'POST /spaces/{name}/secrets key_name': words('ONE', 'TWO', 'THREE', 'FOUR', 'PATH', '_x'),
  pass: fc.constant(PASSWORD),
  new_password: fc.constant(PASSWORD),
  current_password: words(PASSWORD, PASSWORD, 'a wrong one'),
  'POST /auth/login user': picked('account'),
  space: spaces,
  role_name: there('role'),
  principal: there('account'),
  parent_session_id: there('session'),
  expires_at: words('2099-01-31T12:00:00Z', '2099-01-31T12:00:00+02:00', '2001-01-01T00:00:00Z'),
  source_repo: words('owner/repo', 'https://git.invalid/owner/repo', 'nonsense', 'file:///etc/passwd'),
  source_branch: words('main', 'next', '-x', '..'),
  'PUT /sessions/{id}/state state': words('paused', 'suspended', 'idle', 'init', 'busy', 'error', 'PAUSED'),
  status: words('active', 'inactive', 'stopped', 'running', 'error', 'nothing'),
  rules,
  metadata,
  resources,
  timeouts,
  settings,
  'PUT /spaces/{name} name': fc.oneof(picked('space'), picked('fresh')),
};
const MEANT_IN_QUERY: Readonly<Record<string, Arbitrary<unknown>>> = {
  space: spaces,
  workspace_name: spaces,
  created_by: picked('account'),
  wait: words('0s', '1ms', '20ms', '50ms'),
  since: words('0', '3', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00.000+02:00'),
};

/** A right value for a field of a body. */
export const fieldValue = (operation: string, field: string, schema: Schema): Arbitrary<unknown> =>
  MEANT[`${operation} ${field}`] ?? MEANT[field] ?? ofSchema(schema);

/** A right value for a parameter of the URL, before it is written as text. */
export const parameterValue = (name: string, schema: Schema): Arbitrary<unknown> => MEANT_IN_QUERY[name] ?? ofSchema(schema);

/** Values that the schema allows, small ones. */
export function ofSchema(schema: Schema): Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(ofSchema));
  switch (schema.type) {
    case 'string':
      return textOf(schema);
    case 'integer':
      return fc.integer({ min: schema.minimum ?? -1000, max: Math.min(schema.maximum ?? 1000, 2 ** 31 - 1) });
    case 'number':
      return fc.double({
        min: schema.minimum ?? schema.exclusiveMinimum ?? -1e6,
        max: schema.maximum ?? 1e6,
        noNaN: true,
        minExcluded: true,
      });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(ofSchema(schema.items ?? {}), { minLength: schema.minItems ?? 0, maxLength: Math.max(3, schema.minItems ?? 0) });
    case 'object':
      return fc.record(Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, inner]) => [name, ofSchema(inner)])), {
        requiredKeys: [...(schema.required ?? [])],
        noNullPrototype: true,
      });
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function textOf({ pattern, format, minLength = 0, maxLength = 60 }: Schema): Arbitrary<string> {
  if (format === 'date-time')
    return fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map((date) => date.toISOString());
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern));
  return fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, 60) });
}

/** What fits hardly anywhere. */
export const ODD_VALUES: readonly unknown[] = [
  ...[0, -1, 1.5, 1e308, Number.MAX_SAFE_INTEGER, true, false, '', ' ', [], {}, [[]], { a: { b: [1] } }],
  ...['x'.repeat(300), 'x'.repeat(70_000), '\ud800', 'a\u0000b', '💥'.repeat(40), '../../etc/passwd', "';--", '$' + '{7*7}', '%00'],
  ...['__proto__', 'constructor', '\u202e', 'null', 'NaN', '1e9', '-0', '٣', 'ＡＢ'],
  JSON.parse('{"__proto__": {"admin": true}, "constructor": 1, "toString": null}'),
  nested(40),
  nested(100),
];

function nested(levels: number): unknown {
  return levels === 0 ? 0 : [nested(levels - 1)];
}
