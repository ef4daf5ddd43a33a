import { z } from 'zod';
import type { SessionFilter } from '../services/engine/api.ts';
import { fields, givenName, name, sessionMetadata, text, wording } from './fields.ts';
import { parameter, wordParameter } from './parameters.ts';

const MAX_TIMEOUT_S = 365 * 24 * 3600;
export const MAX_CPU = 1024;
const MAX_BYTES = 2 ** 50;
const MAX_PROCESSES = 65_536;
/** Less, and no container starts, or the guest in it does not. */
const MIN_CPU_LIMIT = 0.01;
const MIN_MEMORY_LIMIT = 48 * 1024 * 1024;

const whole = (most: number) => z.int({ error: wording }).min(1, 'must be 1 or more').max(most, `must be at most ${most}`);
const cpu = z.number({ error: wording }).positive('must be more than 0').max(MAX_CPU, `must be at most ${MAX_CPU}`);

export const timeouts = fields({
  idle_pause_s: whole(MAX_TIMEOUT_S).exactOptional(),
  idle_suspend_s: whole(MAX_TIMEOUT_S).exactOptional(),
  ttl_s: whole(MAX_TIMEOUT_S).exactOptional(),
});

const requests = fields({ cpu: cpu.exactOptional(), memory_bytes: whole(MAX_BYTES).exactOptional() });
export const limits = fields({
  cpu: cpu.min(MIN_CPU_LIMIT, `must be ${MIN_CPU_LIMIT} or more`).exactOptional(),
  memory_bytes: whole(MAX_BYTES).min(MIN_MEMORY_LIMIT, `must be ${MIN_MEMORY_LIMIT} or more`).exactOptional(),
  disk_bytes: whole(MAX_BYTES).exactOptional(),
  processes: whole(MAX_PROCESSES).exactOptional(),
});

export const resources = fields({ requests: z.exactOptional(requests), limits: z.exactOptional(limits) });

export const createSession = fields({
  space: name().exactOptional(),
  name: givenName(255).exactOptional(),
  metadata: sessionMetadata().exactOptional(),
  parent_session_id: text(255).exactOptional(),
  timeouts: z.exactOptional(timeouts),
  resources: z.exactOptional(resources),
});

export const updateSession = fields({ name: givenName(255).exactOptional(), metadata: sessionMetadata().exactOptional() });

const yes = () => z.boolean({ error: wording }).exactOptional();

export const remixSession = fields({
  name: givenName(255).exactOptional(),
  space: name().exactOptional(),
  metadata: sessionMetadata().exactOptional(),
  data: yes().describe('Whether its volume begins as a copy of the parent’s (the default), or empty'),
  messages: yes().describe('Whether it begins with the parent’s answered messages; default false'),
});

export const SESSION_STATES = ['init', 'idle', 'busy', 'paused', 'suspended', 'error'] as const;

export const putState = fields({
  state: z
    .string({ error: wording })
    .transform((state) => state.toLowerCase())
    .pipe(z.enum(SESSION_STATES, { error: `must be one of ${SESSION_STATES.join(', ')}` })),
});

const METADATA = 'metadata.';
const filters = z.looseObject({
  space: parameter('Only sessions of this space'),
  workspace_name: parameter('An older name of `space`'),
  state: wordParameter(SESSION_STATES, 'Only sessions in this state'),
  created_by: parameter('Only sessions of this user'),
  name: parameter('Only sessions of exactly this name'),
  id_prefix: parameter('Only sessions whose id begins so: 1 to 36 hexadecimal digits and dashes'),
});

/** For the document: each property is a parameter of its own. */
export const metadataFilter = z
  .record(z.string().regex(/^metadata\../), z.string())
  .describe(
    '`metadata.KEY=VALUE` for any KEY: only sessions whose metadata has this value. A value that is not a string is compared as JSON',
  )
  .meta({ example: { 'metadata.purpose': 'trying' } });

/** Parameters of the list of sessions. `metadata.KEY=VALUE` takes any key. */
export const sessionFilter = filters.transform((sent, context): SessionFilter => {
  const { space, workspace_name, state, created_by, name: called, id_prefix, ...more } = sent;
  const metadata: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(more)) {
    if (!name.startsWith(METADATA)) continue;
    const key = name.slice(METADATA.length);
    if (key === '') context.addIssue({ code: 'custom', path: [name], message: 'names no key' });
    else if (typeof value !== 'string') context.addIssue({ code: 'custom', path: [name], message: 'was sent more than once' });
    else metadata[key] = value;
  }
  const name = space ?? workspace_name;
  return {
    ...(name === undefined ? {} : { space: name }),
    ...(state === undefined ? {} : { state }),
    ...(created_by === undefined ? {} : { created_by }),
    ...(called === undefined ? {} : { name: called }),
    ...(id_prefix === undefined ? {} : { id_prefix }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  };
});
