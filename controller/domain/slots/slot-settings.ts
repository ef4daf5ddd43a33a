import { z } from 'zod';
import { type Profile, profile } from '../../contract/profiles.ts';
import { MAX_SLOTS } from '../../contract/scheduling/space-slots.ts';

const DEFAULT_HEADROOM = 0.2;

export interface SlotSettings {
  /** Kept ready at all times, of sessions with this profile. */
  readonly min: number;
  readonly profile: Profile;
  /** Of all kinds together. */
  readonly max: number;
  /** Share of each node's CPU and memory that slots leave free. */
  readonly headroom: number;
}

const lenient = <T>(schema: z.ZodType<T>) => schema.optional().catch(undefined);
const count = z.int().min(0).max(MAX_SLOTS);
const stored = z.object({
  min: lenient(count),
  max: lenient(count),
  profile: lenient(profile()),
  headroom: lenient(z.number().min(0).max(1)),
});

/** Values of an unexpected form are ignored. `usualMax` is the operator's, for a space that says nothing. */
export function slotsIn(settings: Readonly<Record<string, unknown>>, usualMax: number): SlotSettings {
  const parsed = stored.safeParse(settings.slots ?? {});
  const { min = 0, max, profile: of = 'locked', headroom = DEFAULT_HEADROOM } = parsed.success ? parsed.data : {};
  return { min: Math.min(min, max ?? min), profile: of, max: max ?? Math.max(Math.min(usualMax, MAX_SLOTS), min), headroom };
}
