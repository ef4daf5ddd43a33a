import { z } from 'zod';
import { fields, flag, free, type Infer, looseFields, name, prose, time, whole, wording } from './fields.ts';
import { spaceModel } from './models/space-model.ts';
import { flagParameter } from './parameters.ts';
import { profileSettings } from './profiles.ts';
import { scheduling } from './scheduling/space-scheduling.ts';
import { slots } from './scheduling/space-slots.ts';
import { limits, MAX_CPU, resources, timeouts } from './sessions.ts';

const MAX_SETTINGS_LENGTH = 64 * 1024;
const MAX_QUOTA = Number.MAX_SAFE_INTEGER;

/** Bounds of `retention.events_s`: from one hour to the default. */
export const EVENT_RETENTION_S = { least: 3600, most: 30 * 24 * 3600 } as const;

const quotas = looseFields({
  sessions: whole(0, MAX_QUOTA).exactOptional(),
  cpu: z
    .number({ error: wording })
    .min(0, 'must be at least 0')
    .max(MAX_CPU * 1024, `must be at most ${MAX_CPU * 1024}`)
    .exactOptional(),
  memory_bytes: whole(0, MAX_QUOTA).exactOptional(),
  storage_bytes: whole(0, MAX_QUOTA)
    .exactOptional()
    .describe('Covers messages, events, secrets, agent sources, and session disks, which count by their limits'),
  streams: whole(0, MAX_QUOTA)
    .exactOptional()
    .describe('Open byte streams to its sessions: commands, attached terminals, file calls, connections to ports'),
});

const retention = looseFields({ events_s: whole(EVENT_RETENTION_S.least, EVENT_RETENTION_S.most).exactOptional() });

/** Settings are free-form, but known ones must be valid. */
const settings = looseFields({
  timeouts: timeouts.exactOptional(),
  resources: resources.exactOptional(),
  quotas: quotas.exactOptional().describe('Limits of the whole space. Changing them needs spaces:update on all spaces'),
  maxima: limits.exactOptional().describe('Maximum of `resources.limits` for one session. Changing it needs spaces:update on all spaces'),
  ...profileSettings,
  retention: retention.exactOptional(),
  scheduling: scheduling.exactOptional(),
  slots: slots.exactOptional().describe('Sessions that are started ahead of need, which new sessions of the usual sizes take'),
  model: spaceModel
    .exactOptional()
    .describe(
      'Answers messages that name no agent, or chooses one, unless a single agent is active. Sessions call it, never the controller',
    ),
}).refine((sent) => JSON.stringify(sent).length <= MAX_SETTINGS_LENGTH, `must have at most ${MAX_SETTINGS_LENGTH} characters as JSON`);

const description = () => prose(4096);

export const createSpace = fields({
  name: name(),
  description: description().exactOptional(),
  settings: settings.exactOptional(),
});
export type CreateSpace = Infer<typeof createSpace>;

export const changeSpace = fields(
  {
    name: z.string({ error: wording }).exactOptional().describe('Cannot be changed'),
    description: description().nullable().exactOptional(),
    settings: settings.exactOptional(),
    active: flag().exactOptional(),
  },
  ['description'],
);
export type ChangeSpace = Infer<typeof changeSpace>;

/** Nested deeper, a merge would cost more than it helps. */
const MAX_PATCH_DEPTH = 16;
const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;

export const patchSpace = fields(
  {
    description: description().nullable().exactOptional(),
    settings: free()
      .refine((sent) => JSON.stringify(sent).length <= MAX_SETTINGS_LENGTH, `must have at most ${MAX_SETTINGS_LENGTH} characters as JSON`)
      .refine((sent) => depthOf(sent) <= MAX_PATCH_DEPTH, `must be nested at most ${MAX_PATCH_DEPTH} deep`)
      .exactOptional()
      .describe('Merged into the settings (RFC 7396): an object is merged, null removes a setting, anything else replaces it'),
    active: flag().exactOptional(),
  },
  ['description'],
);
export type PatchSpace = Infer<typeof patchSpace>;

/** What the merged settings must be. */
export const mergedSettings = z.object({ settings });

export const spaceFilter = z.object({ active: flagParameter('Returns only active spaces, or only inactive ones') });
export type SpaceFilter = Infer<typeof spaceFilter>;

export const spaceObject = z
  .strictObject({
    name: z.string(),
    description: z.string().nullable(),
    settings: free(),
    active: z.boolean(),
    created_at: time(),
    updated_at: time(),
    created_by: z.string(),
  })
  .meta({ id: 'Space' });
export type SpaceObject = Infer<typeof spaceObject>;
