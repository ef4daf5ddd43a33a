/**
 * A space's settings for new sessions and for all sessions together. Settings are free-form; values
 * of an unexpected form are ignored.
 */
import { z } from 'zod';
import { type SpaceModel, spaceModel } from '../../contract/models/space-model.ts';
import { imageReference, type Profile, profile, WORKSTATION_IMAGE } from '../../contract/profiles.ts';
import { type Scheduling, scheduling } from '../../contract/scheduling/space-scheduling.ts';
import { EVENT_RETENTION_S } from '../../contract/spaces.ts';

const whole = z.int().min(1);
const cpu = z.number().positive();

/** Turns an invalid field into undefined. */
const lenient = <T>(schema: z.ZodType<T>) => schema.optional().catch(undefined);

const shape = z.object({
  timeouts: z
    .object({ idle_pause_s: lenient(whole), idle_suspend_s: lenient(whole), idle_delete_s: lenient(whole), ttl_s: lenient(whole) })
    .optional()
    .catch(undefined),
  resources: z
    .object({
      requests: z
        .object({ cpu: lenient(cpu), memory_bytes: lenient(whole) })
        .optional()
        .catch(undefined),
      limits: z
        .object({ cpu: lenient(cpu), memory_bytes: lenient(whole), disk_bytes: lenient(whole), processes: lenient(whole) })
        .optional()
        .catch(undefined),
    })
    .optional()
    .catch(undefined),
});

const quotas = z.object({
  sessions: lenient(z.number()),
  cpu: lenient(z.number()),
  memory_bytes: lenient(z.number()),
  storage_bytes: lenient(z.number()),
  streams: lenient(z.number()),
});

/** Returns a space's quotas; undefined if none is set. A quota that is not set bounds nothing. */
export function quotasIn(settings: Readonly<Record<string, unknown>>): z.infer<typeof quotas> | undefined {
  if (settings.quotas === undefined) return undefined;
  const parsed = quotas.safeParse(settings.quotas);
  return parsed.success ? parsed.data : undefined;
}

const maxima = z.object({ cpu: lenient(cpu), memory_bytes: lenient(whole), disk_bytes: lenient(whole), processes: lenient(whole) });

/** Returns the maxima of a single session in this space's settings. */
export function maximaIn(settings: Readonly<Record<string, unknown>>): z.infer<typeof maxima> {
  const parsed = maxima.safeParse(settings.maxima);
  return parsed.success ? parsed.data : {};
}

/**
 * Settings that bound the space itself. Changing them takes the right on all spaces, which the
 * space's own admins lack.
 */
export const BOUNDS = ['quotas', 'maxima', 'profiles', 'images'] as const;

const profiles = lenient(z.array(profile()));
const images = lenient(z.array(imageReference()));

/** Returns the profiles that sessions of a space can have. */
export const profilesIn = (settings: Readonly<Record<string, unknown>>): readonly Profile[] =>
  profiles.parse(settings.profiles) ?? ['locked'];

/** Returns the images that workstations of a space can have. */
export const imagesIn = (settings: Readonly<Record<string, unknown>>): readonly string[] =>
  images.parse(settings.images) ?? [WORKSTATION_IMAGE];

type Numbers = Readonly<Record<string, number>>;

export interface SessionDefaults {
  readonly timeouts: Numbers;
  readonly requests: Numbers;
  readonly limits: Numbers;
}

export function sessionDefaults(settings: Readonly<Record<string, unknown>>): SessionDefaults {
  const { timeouts, resources } = shape.parse(settings);
  return { timeouts: said(timeouts), requests: said(resources?.requests), limits: said(resources?.limits) };
}

const said = (values: Readonly<Record<string, number | undefined>> = {}): Numbers =>
  Object.fromEntries(Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])));

const retention = z.object({ events_s: lenient(z.int().min(EVENT_RETENTION_S.least).max(EVENT_RETENTION_S.most)) });

/** Returns how long a space keeps its events; undefined if not set. */
export function eventsKeptMs(settings: Readonly<Record<string, unknown>>): number | undefined {
  const parsed = retention.safeParse(settings.retention);
  return parsed.success && parsed.data.events_s !== undefined ? parsed.data.events_s * 1000 : undefined;
}

/** Returns how a space wants its sessions placed. */
export function schedulingIn(settings: Readonly<Record<string, unknown>>): Scheduling {
  if (settings.scheduling === undefined) return {};
  const parsed = scheduling.safeParse(settings.scheduling);
  return parsed.success ? parsed.data : {};
}

/** Returns a space's model; undefined if none is set. */
export function modelIn(settings: Readonly<Record<string, unknown>>): SpaceModel | undefined {
  if (settings.model === undefined) return undefined;
  const parsed = spaceModel.safeParse(settings.model);
  return parsed.success ? parsed.data : undefined;
}

/** Returns the name of the secret that only the guest gets, as the model's key; undefined if there is none. */
export function guestsSecretIn(settings: Readonly<Record<string, unknown>>): string | undefined {
  const model = modelIn(settings);
  return model?.share_key === true ? undefined : model?.key_secret;
}
