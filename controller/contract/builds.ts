import { z } from 'zod';
import { fields, flag, type Infer, time, uuid } from './fields.ts';

/** `force_rebuild` is an alias of `force`. */
export const createBuild = fields({ force: flag().exactOptional(), force_rebuild: flag().exactOptional() });
export type CreateBuild = Infer<typeof createBuild>;

const status = z.enum(['pending', 'building', 'completed', 'failed', 'cancelled']);

/** In their usual order. `push` follows the build, on demand. */
const stageName = z.enum(['fetch', 'resolve', 'install', 'image', 'check', 'push']);
export type BuildStage = Infer<typeof stageName>;

const stage = z.strictObject({
  name: stageName,
  status: z.enum(['running', 'completed', 'failed', 'cancelled']),
  duration_ms: z.number().nullable().describe('Null while it is running'),
});

export const buildObject = z
  .strictObject({
    id: uuid(),
    build_id: uuid().describe('Same as `id`'),
    space: z.string(),
    status,
    image_tag: z.string().nullable(),
    started_at: time(),
    completed_at: time().nullable(),
    agents_deployed: z.array(z.string()),
    stages: z.array(stage).describe('In order of their beginning. Stages with nothing to do are left out.'),
    error: z.string().nullable(),
    created_by: z.string(),
  })
  .meta({ id: 'Build' });
export type BuildObject = Infer<typeof buildObject>;

export const buildLogObject = z
  .strictObject({
    build_id: uuid(),
    space: z.string(),
    status,
    logs: z.array(z.strictObject({ line: z.string(), timestamp: time() })),
  })
  .meta({ id: 'BuildLog' });
export type BuildLogObject = Infer<typeof buildLogObject>;
