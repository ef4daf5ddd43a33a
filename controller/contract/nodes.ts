import { z } from 'zod';
import { fields, type Infer, time, uuid, whole } from './fields.ts';

/** Longest validity of a join token. */
export const MAX_NODE_TOKEN_S = 7 * 24 * 3600;

export const createNodeToken = fields({ expires_in_s: whole(1, MAX_NODE_TOKEN_S).exactOptional() });
export type CreateNodeToken = Infer<typeof createNodeToken>;

export const nodeTokenObject = z
  .strictObject({ token: z.string().describe('Shown only once'), expires_at: time() })
  .meta({ id: 'NodeToken' });

export const nodeObject = z
  .strictObject({
    id: uuid(),
    name: z.string(),
    status: z.enum(['ready', 'unreachable', 'lost']),
    driver: z.string(),
    version: z.string(),
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
    sessions: z.int().min(0),
    images: z.array(z.string()),
    lease: z.strictObject({ seconds: z.number(), expires_at: time().nullable() }),
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
