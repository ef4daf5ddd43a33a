import { z } from 'zod';
import { fields, flag, free, givenName, type Infer, metadata, name, text, time, uuid, whole, wording } from './fields.ts';
import { parameter, wordParameter } from './parameters.ts';
import { ISOLATIONS, imageReference, PROFILES, profile, WORKSTATION_IMAGE } from './profiles.ts';
import { constraints, preferences } from './scheduling/label-rules.ts';

const MAX_TIMEOUT_S = 365 * 24 * 3600;
export const MAX_CPU = 1024;
const MAX_BYTES = 2 ** 50;
const MAX_PROCESSES = 65_536;
/** With less, the container or its guest fails to start. */
const MIN_CPU_LIMIT = 0.01;
const MIN_MEMORY_LIMIT = 48 * 1024 * 1024;
/** Bounded, because every state event contains the metadata. */
const MAX_METADATA_BYTES = 64 * 1024;

const cpu = z.number({ error: wording }).positive('must be greater than 0').max(MAX_CPU, `must be at most ${MAX_CPU}`);

export const timeouts = fields({
  idle_pause_s: whole(1, MAX_TIMEOUT_S).exactOptional(),
  idle_suspend_s: whole(1, MAX_TIMEOUT_S).exactOptional(),
  idle_delete_s: whole(1, MAX_TIMEOUT_S).exactOptional(),
  ttl_s: whole(1, MAX_TIMEOUT_S).exactOptional(),
});

const requests = fields({ cpu: cpu.exactOptional(), memory_bytes: whole(1, MAX_BYTES).exactOptional() });
export const limits = fields({
  cpu: cpu.min(MIN_CPU_LIMIT, `must be at least ${MIN_CPU_LIMIT}`).exactOptional(),
  memory_bytes: whole(1, MAX_BYTES).min(MIN_MEMORY_LIMIT, `must be at least ${MIN_MEMORY_LIMIT}`).exactOptional(),
  disk_bytes: whole(1, MAX_BYTES).exactOptional(),
  processes: whole(1, MAX_PROCESSES).exactOptional(),
});

export const resources = fields({ requests: z.exactOptional(requests), limits: z.exactOptional(limits) });
export type Resources = Infer<typeof resources>;

const sessionMetadata = () =>
  metadata().refine(
    (sent) => Buffer.byteLength(JSON.stringify(sent)) <= MAX_METADATA_BYTES,
    `must have at most ${MAX_METADATA_BYTES} bytes as JSON`,
  );

export const createSession = fields({
  space: name().exactOptional(),
  name: givenName(255).exactOptional(),
  metadata: sessionMetadata().exactOptional(),
  parent_session_id: text(255).exactOptional(),
  profile: profile()
    .exactOptional()
    .describe(
      'locked (default): agents without privileges on a read-only root. workstation: a computer with a root of its own that lasts as long as the session; the settings of the space must allow it',
    ),
  image: imageReference()
    .exactOptional()
    .describe(`Of a workstation: an image that the settings of the space allow. Default: ${WORKSTATION_IMAGE}`),
  timeouts: z.exactOptional(timeouts),
  resources: z.exactOptional(resources),
  constraints: constraints().exactOptional(),
  preferences: preferences().exactOptional(),
});
export type CreateSession = Infer<typeof createSession>;

export const updateSession = fields({ name: givenName(255).exactOptional(), metadata: sessionMetadata().exactOptional() });
export type UpdateSession = Infer<typeof updateSession>;

export const remixSession = fields({
  name: givenName(255).exactOptional(),
  space: name().exactOptional().describe('Default: the space of the parent'),
  metadata: sessionMetadata().exactOptional().describe('Default: the metadata of the parent'),
  data: flag().exactOptional().describe('Whether to copy the volume of the parent. Default true'),
  messages: flag().exactOptional().describe('Whether to copy the answered messages of the parent. Default false'),
  constraints: constraints().exactOptional().describe('Default: the constraints of the parent'),
  preferences: preferences().exactOptional().describe('Default: the preferences of the parent'),
});
export type RemixSession = Infer<typeof remixSession>;

const STATES = ['init', 'idle', 'busy', 'paused', 'suspended', 'error'] as const;
export type SessionState = (typeof STATES)[number];

export const putState = fields({
  state: z
    .string({ error: wording })
    .transform((state) => state.toLowerCase())
    .pipe(z.enum(STATES, { error: `must be one of ${STATES.join(', ')}` })),
});

const ID_PREFIX = /^[0-9a-f-]{1,36}$/;
const METADATA = 'metadata.';

const filters = z.looseObject({
  space: parameter('Returns only sessions in this space'),
  workspace_name: parameter('Older name of `space`'),
  state: wordParameter(STATES, 'Returns only sessions in this state'),
  created_by: parameter('Returns only sessions created by this user'),
  name: parameter('Returns only sessions with exactly this name'),
  id_prefix: parameter('Returns only sessions whose id starts with this prefix: 1 to 36 hexadecimal digits and dashes'),
});

/** For the document: each property is a separate parameter. */
export const metadataFilter = z
  .record(z.string().regex(/^metadata\../), z.string())
  .describe(
    '`metadata.KEY=VALUE`, for any KEY: returns only sessions whose metadata has this value. Values that are not strings are compared as JSON',
  )
  .meta({ example: { 'metadata.purpose': 'trying' } });

/** Parameters of the session list. `metadata.KEY=VALUE` accepts any key. */
export const sessionFilter = filters.transform(({ space, workspace_name, state, created_by, name, id_prefix, ...more }, context) => {
  const problem = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
  const metadata: Record<string, string> = Object.create(null);
  for (const [path, value] of Object.entries(more)) {
    if (!path.startsWith(METADATA)) continue;
    const key = path.slice(METADATA.length);
    if (key === '') problem(path, 'has no key after the dot');
    else if (typeof value !== 'string') problem(path, 'was sent more than once');
    else metadata[key] = value;
  }
  const prefix = id_prefix?.toLowerCase();
  if (prefix !== undefined && !ID_PREFIX.test(prefix))
    problem('id_prefix', 'must be the start of a UUID: 1 to 36 hexadecimal digits and dashes');
  const spaceName = space ?? workspace_name;
  return {
    ...(spaceName === undefined ? {} : { space: spaceName }),
    ...(state === undefined ? {} : { state }),
    ...(created_by === undefined ? {} : { created_by }),
    ...(name === undefined ? {} : { name }),
    ...(prefix === undefined ? {} : { id_prefix: prefix }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  };
});
export type SessionFilter = Infer<typeof sessionFilter>;

export const sessionObject = z
  .strictObject({
    id: uuid(),
    name: z.string().nullable(),
    space: z.string(),
    created_by: z.string(),
    state: z.enum(STATES),
    container_id: z.string().nullable(),
    persistent_volume_id: z.string().nullable(),
    parent_session_id: uuid().nullable(),
    node: z.string().nullable(),
    profile: z.enum(PROFILES),
    image: z.string().nullable().describe('The name of the image of a workstation. Null: that of the agents'),
    isolation: z.enum(ISOLATIONS).nullable().describe('What keeps its processes from the host, as its node says. Null: it has not run yet'),
    running: z.boolean().describe('True in idle and busy'),
    settled: z.boolean().describe('Whether the session has reached the requested state'),
    waiting_reason: z
      .string()
      .nullable()
      .describe(
        'Why its messages wait although they were accepted: its node is being drained or unreachable, or does not have the image yet',
      ),
    constraints: constraints(),
    preferences: preferences(),
    timeouts: z.record(z.string(), z.number()).describe('Seconds: idle_pause_s, idle_suspend_s, idle_delete_s, ttl_s'),
    created_at: time(),
    updated_at: time(),
    started_at: time().nullable(),
    last_activity_at: time().nullable(),
    terminated_at: time().nullable(),
    termination_reason: z.string().nullable(),
    metadata: free(),
  })
  .meta({ id: 'Session' });
export type SessionObject = Infer<typeof sessionObject>;
