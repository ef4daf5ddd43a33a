import { z } from 'zod';
import { fields, flag, type Infer, time, uuid, whole, wording } from './fields.ts';
import { flagParameter } from './parameters.ts';

/** Longest validity of a join token. */
export const MAX_NODE_TOKEN_S = 7 * 24 * 3600;
const MAX_NODE_TOKEN_USES = 1000;
/** Join tokens that are valid at the same time. */
export const MAX_OPEN_NODE_TOKENS = 1000;

const LABEL_KEY = /^[A-Za-z0-9](?:[A-Za-z0-9_./-]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/;
/** Per node. */
export const MAX_LABELS = 64;

export const labelKey = () =>
  z.string({ error: wording }).regex(LABEL_KEY, 'must have 1 to 63 of A-Z a-z 0-9 _ . / - and begin and end with a letter or digit');
export const labelValue = () =>
  z.string({ error: wording }).regex(LABEL_VALUE, 'must have at most 63 of A-Z a-z 0-9 _ . - and begin and end with a letter or digit');

/** Faults of a key are reported for its field. */
const labelsWording: z.core.$ZodErrorMap = (issue) => (issue.code === 'invalid_key' ? issue.issues?.[0]?.message : 'must be an object');

const labels = z
  .record(labelKey(), labelValue(), { error: labelsWording })
  .refine((sent) => Object.keys(sent).length <= MAX_LABELS, `must have at most ${MAX_LABELS} labels`);

export const createNodeToken = fields({
  expires_in_s: whole(1, MAX_NODE_TOKEN_S).exactOptional().describe('Default: 3600'),
  uses: whole(1, MAX_NODE_TOKEN_USES).exactOptional().describe('How many nodes can join with it. Default: 1'),
  labels: labels.exactOptional().describe('Each node that joins gets these labels; they replace those of the same name that it asks for'),
});
export type CreateNodeToken = Infer<typeof createNodeToken>;

const nodeToken = {
  id: uuid(),
  uses: z.int().min(1).describe('How many nodes can join with it'),
  used: z.int().min(0).describe('How many have joined'),
  labels: z.record(z.string(), z.string()),
  created_by: z.string(),
  created_at: time(),
  expires_at: time(),
  last_used_at: time().nullable(),
};
export const nodeTokenObject = z.strictObject(nodeToken).meta({ id: 'NodeToken' });
export type NodeTokenObject = Infer<typeof nodeTokenObject>;
export const newNodeTokenObject = z
  .strictObject({ ...nodeToken, token: z.string().describe('Shown only once') })
  .meta({ id: 'NewNodeToken' });

const schedulable = () =>
  flag().exactOptional().describe('False cordons the node: it accepts no new sessions. True uncordons it and ends a drain');

export const changeNode = fields({
  labels: labels.exactOptional().describe('Replaces all labels'),
  schedulable: schedulable(),
});
export type ChangeNode = Infer<typeof changeNode>;

const labelChanges = z
  .record(labelKey(), labelValue().nullable(), { error: labelsWording })
  .refine((sent) => Object.keys(sent).length <= 2 * MAX_LABELS, `must have at most ${2 * MAX_LABELS} labels`);

export const patchNode = fields({
  labels: labelChanges.exactOptional().describe('Sets each label to its value; null removes it. Keeps all other labels'),
  schedulable: schedulable(),
});
export type PatchNode = Infer<typeof patchNode>;

export const removeNode = z.object({
  lost: flagParameter('Removes the node although it has sessions: they fail, and their files are given up'),
});
export type RemoveNode = Infer<typeof removeNode>;

const MAX_DRAIN_S = 7 * 24 * 3600;
const ON_DEADLINE = ['suspend', 'wait'] as const;

export const drainNode = fields({
  deadline_s: whole(0, MAX_DRAIN_S).exactOptional().describe('How long busy sessions can finish. Default: 3600'),
  on_deadline: z
    .enum(ON_DEADLINE, { error: `must be one of ${ON_DEADLINE.join(', ')}` })
    .exactOptional()
    .describe('What happens to sessions that are busy at the deadline: `suspend` (the default) interrupts them, `wait` lets them finish'),
});
export type DrainNode = Infer<typeof drainNode>;

export const drainObject = z
  .strictObject({
    status: z.enum(['draining', 'drained']),
    started_at: time(),
    deadline_at: time().nullable(),
    on_deadline: z.enum(ON_DEADLINE),
    drained_at: time().nullable(),
    sessions_left: z.int().min(0).describe('Sessions that have not stopped'),
    sessions_by_state: z.record(z.string(), z.int()).describe('The sessions that have not stopped, by state'),
  })
  .meta({ id: 'Drain' });
export type DrainObject = Infer<typeof drainObject>;

export const nodeObject = z
  .strictObject({
    id: uuid(),
    name: z.string(),
    status: z
      .enum(['ready', 'degraded', 'unreachable', 'lost'])
      .describe('`degraded`: connected, but a problem keeps new sessions away; `conditions` has the reason'),
    labels: z.record(z.string(), z.string()),
    schedulable: z.boolean().describe('False while it is cordoned or drained'),
    cordoned_at: time().nullable(),
    drain: drainObject.nullable(),
    driver: z.string(),
    version: z.string(),
    platform: z
      .string()
      .nullable()
      .describe('Of the images that run on it, such as linux/arm64. Null: its node agent is too old to report it'),
    address: z.string().nullable().describe('From which it last connected'),
    capacity: z
      .strictObject({
        cpu: z.number(),
        memory_bytes: z.number(),
        sessions: z.number().nullable(),
        processes: z.number().nullable(),
        disk_bytes: z.number().nullable(),
      })
      .describe('Null means unlimited. `disk_bytes` is the size of the file system that holds the session disks'),
    limits: z
      .strictObject({ memory_bytes: z.number(), disk_bytes: z.number(), processes: z.number() })
      .describe('Sums of the limits of its sessions, including the processes of their guests'),
    maxima: z
      .strictObject({
        cpu: z.number().nullable(),
        memory_bytes: z.number().nullable(),
        disk_bytes: z.number().nullable(),
        processes: z.number().nullable(),
      })
      .describe('Maximum for one session on this node. Null means that the node sets no maximum'),
    requested: z.strictObject({ cpu: z.number(), memory_bytes: z.number() }),
    reserved: z
      .strictObject({ cpu: z.number(), memory_bytes: z.number() })
      .describe('Room that new sessions leave free, so that the sessions of this node can wake'),
    sessions: z.int().min(0),
    images: z.array(z.string()),
    lease: z.strictObject({ seconds: z.number(), expires_at: time().nullable() }),
    certificate: z
      .strictObject({ expires_at: time(), issuer: z.string().describe('SHA-256 of the CA certificate that signed it') })
      .nullable()
      .describe('With which it last connected. Nodes renew it after half of its life'),
    conditions: z.array(z.strictObject({ type: z.string(), message: z.string(), since: time().optional() })),
    joined_at: time(),
    last_seen_at: time().nullable(),
    unreachable_since: time().nullable(),
    lost_at: time().nullable(),
  })
  .meta({ id: 'Node' });
export type NodeObject = Infer<typeof nodeObject>;

export const orphanObject = z
  .strictObject({
    session_id: z.string(),
    generation: z.int(),
    container_id: z.string().nullable(),
    persistent_volume_id: z.string().nullable(),
    space: z.string().nullable(),
    image: z.string().nullable(),
  })
  .meta({ id: 'Orphan' });
export type OrphanObject = Infer<typeof orphanObject>;
