/**
 * What the API shows of each thing: the shape of every answer, for the document, the client and the check of answers. The types in
 * domain/objects.ts say the same to the code that makes them; `satisfies` holds the two together.
 */
import { z } from 'zod';
import type {
  AgentLogsObject,
  AgentObject,
  BuildLogObject,
  BuildObject,
  MessageObject,
  NodeObject,
  OrphanObject,
  RunningAgentObject,
  SessionObject,
  SourceObject,
} from '../domain/engine/objects.ts';

/** RFC 3339 in UTC with milliseconds. */
export const time = () => z.iso.datetime({ precision: 3 });
export const uuid = () => z.uuid();
/** What a client keeps with a thing, as it was sent. */
export const free = () => z.record(z.string(), z.unknown());

export const sessionObject = z
  .strictObject({
    id: uuid(),
    name: z.string().nullable(),
    space: z.string(),
    created_by: z.string(),
    state: z.enum(['init', 'idle', 'busy', 'paused', 'suspended', 'error']),
    container_id: z.string().nullable(),
    persistent_volume_id: z.string().nullable(),
    parent_session_id: uuid().nullable(),
    node: z.string().nullable(),
    running: z.boolean().describe('True in idle and busy'),
    settled: z.boolean().describe('What is, is what should be'),
    timeouts: z.record(z.string(), z.number()).describe('Seconds: idle_pause_s, idle_suspend_s, ttl_s'),
    created_at: time(),
    updated_at: time(),
    started_at: time().nullable(),
    last_activity_at: time().nullable(),
    terminated_at: time().nullable(),
    termination_reason: z.string().nullable(),
    metadata: free(),
  })
  .meta({ id: 'Session' }) satisfies z.ZodType<SessionObject>;

const message = {
  id: uuid(),
  session_id: uuid(),
  seq: z.int().min(1).describe('Numbers the messages of a session in order'),
  role: z.enum(['user', 'agent', 'system']),
  content: z.string(),
  metadata: free().describe('Of an answer: type, agent, in_reply_to, run_id, duration_ms; of a failure also reason'),
  created_by: z.string(),
  created_at: time(),
};
export const messageObject = z.strictObject(message).meta({ id: 'Message' }) satisfies z.ZodType<MessageObject>;
export const postedMessage = z
  .strictObject({ ...message, reply: messageObject.exactOptional().describe('With ?wait: the answer, when it came in time') })
  .meta({ id: 'PostedMessage' });
export const messageCount = z.strictObject({ count: z.int().min(0), session_id: uuid() }).meta({ id: 'MessageCount' });

export const agentObject = z
  .strictObject({
    name: z.string(),
    space: z.string(),
    description: z.string().nullable(),
    purpose: z.string().nullable(),
    source_repo: z.string().nullable(),
    source_branch: z.string(),
    status: z.enum(['active', 'inactive', 'configured', 'building', 'running', 'stopped', 'error']),
    created_at: time(),
    updated_at: time(),
    created_by: z.string(),
  })
  .meta({ id: 'Agent' }) satisfies z.ZodType<AgentObject>;

export const runningAgentObject = z
  .strictObject({
    name: z.string(),
    status: z.enum(['active', 'inactive', 'configured', 'building', 'running', 'stopped', 'error']),
    started_at: time().describe('Of the worker that has lived longest'),
    sessions: z.int().min(1).describe('How many sessions have a live worker of it'),
  })
  .meta({ id: 'RunningAgent' }) satisfies z.ZodType<RunningAgentObject>;

export const agentLogsObject = z
  .strictObject({
    agent_name: z.string(),
    space: z.string(),
    logs: z.array(
      z.strictObject({ session_id: uuid(), run_id: z.string(), stream: z.enum(['stdout', 'stderr']), line: z.string(), timestamp: time() }),
    ),
    unread_sessions: z.int().min(0).describe('Sessions that are up and could not be read in time'),
  })
  .meta({ id: 'AgentLogs' }) satisfies z.ZodType<AgentLogsObject>;

export const sourceObject = z
  .strictObject({
    agent: z.string(),
    space: z.string(),
    digest: z.string(),
    size_bytes: z.int().min(0),
    files: z.int().min(0),
    runtime: z.string(),
    handler: z.string(),
    created_at: time(),
  })
  .meta({ id: 'Source' }) satisfies z.ZodType<SourceObject>;

export const buildObject = z
  .strictObject({
    id: uuid(),
    build_id: uuid().describe('The same as id'),
    space: z.string(),
    status: z.enum(['pending', 'building', 'completed', 'failed']),
    image_tag: z.string().nullable(),
    started_at: time(),
    completed_at: time().nullable(),
    agents_deployed: z.array(z.string()),
    error: z.string().nullable(),
    created_by: z.string(),
  })
  .meta({ id: 'Build' }) satisfies z.ZodType<BuildObject>;

export const buildLogObject = z
  .strictObject({
    build_id: uuid(),
    space: z.string(),
    status: z.enum(['pending', 'building', 'completed', 'failed']),
    logs: z.array(z.strictObject({ line: z.string(), timestamp: time() })),
  })
  .meta({ id: 'BuildLog' }) satisfies z.ZodType<BuildLogObject>;

export const orphanObject = z
  .strictObject({
    session_id: z.string(),
    generation: z.int(),
    container_id: z.string().nullable(),
    persistent_volume_id: z.string().nullable(),
    space: z.string().nullable(),
    image: z.string().nullable(),
  })
  .meta({ id: 'Orphan' }) satisfies z.ZodType<OrphanObject>;

export const nodeObject = z
  .strictObject({
    id: uuid(),
    name: z.string(),
    status: z.enum(['ready', 'unreachable', 'lost']),
    driver: z.string(),
    version: z.string(),
    capacity: z.strictObject({
      cpu: z.number(),
      memory_bytes: z.number(),
      sessions: z.number().nullable(),
      processes: z.number().nullable(),
      disk_bytes: z.number().nullable(),
    }),
    limits: z
      .strictObject({ memory_bytes: z.number(), disk_bytes: z.number(), processes: z.number() })
      .describe('Sums over the limits of its sessions, with the processes of their guests'),
    maxima: z
      .strictObject({
        cpu: z.number().nullable(),
        memory_bytes: z.number().nullable(),
        disk_bytes: z.number().nullable(),
        processes: z.number().nullable(),
      })
      .describe('What one session can have there at most; null: no bound of the node’s own'),
    requested: z.strictObject({ cpu: z.number(), memory_bytes: z.number() }),
    sessions: z.int().min(0),
    images: z.array(z.string()),
    lease: z.strictObject({ seconds: z.number(), expires_at: time().nullable() }),
    conditions: z.array(z.strictObject({ type: z.string(), message: z.string(), since: time().optional() })),
    joined_at: time(),
    last_seen_at: time().nullable(),
    unreachable_since: time().nullable(),
    lost_at: time().nullable(),
  })
  .meta({ id: 'Node' }) satisfies z.ZodType<NodeObject>;

export const nodeToken = z.strictObject({ token: z.string().describe('Shown this once'), expires_at: time() }).meta({ id: 'NodeToken' });

export const token = z.strictObject({ token: z.string(), token_type: z.literal('Bearer'), expires_at: time() }).meta({ id: 'Token' });

export const me = z
  .strictObject({
    user: z.string(),
    id: uuid(),
    type: z.enum(['ServiceAccount', 'User']),
    namespace: z.null(),
    roles: z.array(z.string()),
    role_bindings: z
      .array(z.strictObject({ role_name: z.string(), space: z.string().nullable() }))
      .describe('Where each role holds; space null: everywhere. At most 1,000: GET /role-bindings has all'),
  })
  .meta({ id: 'Me' });

const checks = z.record(z.string(), z.string()).describe('"ok", or what is wrong, by check');
const degraded = z.record(z.string(), z.number().int()).describe('How many of each kind are not as they should be; only kinds above 0');
export const healthy = z.strictObject({ status: z.enum(['ok', 'degraded']), checks, degraded }).meta({ id: 'Health' });
export const failing = z
  .strictObject({ status: z.literal('failing'), checks, degraded, error: z.strictObject({ code: z.string(), message: z.string() }) })
  .meta({ id: 'FailingHealth' });
export const serverVersion = z.strictObject({ version: z.string(), api: z.literal('v0') }).meta({ id: 'Version' });

export const errorObject = z
  .strictObject({ error: z.strictObject({ code: z.string(), message: z.string(), details: z.unknown().optional() }) })
  .meta({ id: 'Error' });
