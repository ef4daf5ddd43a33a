/** Sessions of a space that are started ahead of need. */
import type { Raworc } from '../../../sdk/raworc.ts';
import { type Io, table } from '../../io.ts';

/** As the server allows. */
export const MAX_SLOTS = 256;
export const PROFILES = ['locked', 'workstation'] as const;

type Settings = NonNullable<NonNullable<Parameters<Raworc['spaces']['update']>[1]>['settings']>;
type Slots = NonNullable<Settings['slots']>;

export interface SlotsOptions {
  readonly min?: number;
  readonly max?: number;
  readonly profile?: (typeof PROFILES)[number];
  /** In percent. */
  readonly headroom?: number;
  readonly clear?: boolean;
}

const CLEARED = { min: null, max: null, profile: null, headroom: null } as const satisfies Readonly<Record<keyof Slots, null>>;

/** Changes how many slots a space has, and prints it. */
export async function setSlots(io: Io, raworc: Raworc, name: string, options: SlotsOptions): Promise<void> {
  const { min, max, profile, headroom, clear = false } = options;
  const changes: Slots = {
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(profile === undefined ? {} : { profile }),
    ...(headroom === undefined ? {} : { headroom: headroom / 100 }),
  };
  // A merge, so that a field that somebody else changes meanwhile is kept.
  const slots = { ...(clear ? CLEARED : {}), ...changes };
  const isChange = Object.keys(slots).length > 0;
  const { settings } = isChange ? await raworc.spaces.patch(name, { settings: { slots } }) : await raworc.spaces.get(name);
  const now = (settings as Settings).slots ?? {};
  const shown = (value: unknown) => (value === undefined ? '-' : String(value));
  io.stdout.write(
    table([
      ['min', shown(now.min)],
      ['max', shown(now.max)],
      ['profile', shown(now.profile)],
      ['headroom', now.headroom === undefined ? '-' : `${Math.round(now.headroom * 100)} %`],
    ]),
  );
}
