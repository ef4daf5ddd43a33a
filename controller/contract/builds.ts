import { z } from 'zod';
import { fields, flag, type Infer, time, uuid } from './fields.ts';
import { flagParameter, parameter, wholeParameter, wordParameter } from './parameters.ts';

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
  duration_ms: z.number().nullable().describe('Null while it is running, or if it is unknown'),
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
    sources: z
      .array(
        z.strictObject({
          agent: z.string(),
          digest: z.string().nullable().describe('Null until the repository is fetched'),
          repo: z.string().nullable().describe('Null: the source was uploaded'),
          branch: z.string().nullable(),
          commit: z.string().nullable().describe('The commit of the branch when it was fetched'),
          base_image: z.string().nullable().describe('The image that it brings, with its digest, once it is built. Null: none'),
        }),
      )
      .describe('What the image is built from'),
    stages: z.array(stage).describe('In order of their beginning. Stages with nothing to do are left out.'),
    waiting_reason: z.string().nullable().describe('Why it has not begun. Null in events'),
    error: z.string().nullable(),
    created_by: z.string(),
  })
  .meta({ id: 'Build' });
export type BuildObject = Infer<typeof buildObject>;

const MAX_LINES = 10_000;
export const DEFAULT_LINES = 1000;

export const buildLogQuery = z.object({
  limit: wholeParameter(1, MAX_LINES, `Maximum number of lines to return; older lines are left out. Default ${DEFAULT_LINES}`),
  follow: flagParameter(
    'Streams all lines as server-sent events of type `log`, those that come too, and ends with the build after an event of type `end`',
  ),
});

export const buildListQuery = z.object({
  status: wordParameter(['pending', 'building', 'completed', 'failed', 'cancelled'], 'Only builds with this status'),
  created_by: parameter('Only builds that this user requested'),
});

const buildLogLine = z.strictObject({
  line: z.string(),
  timestamp: time(),
  stage: stageName.nullable().describe('Null for lines of the controller'),
});
export type BuildLogLine = Infer<typeof buildLogLine>;

export const buildLogObject = z
  .strictObject({
    build_id: uuid(),
    space: z.string(),
    status,
    logs: z.array(buildLogLine).describe('The newest lines, oldest first'),
  })
  .meta({ id: 'BuildLog' });
export type BuildLogObject = Infer<typeof buildLogObject>;
