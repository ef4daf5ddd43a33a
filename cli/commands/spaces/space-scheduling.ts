/** Where new sessions of a space run. */
import type { Raworc } from '../../../sdk/raworc.ts';
import { type Io, table } from '../../io.ts';
import { labelRule, preference, written } from '../../label-rule.ts';

export const STRATEGIES = ['spread', 'pack'] as const;
export const ANTI_AFFINITIES = ['none', 'preferred', 'required'] as const;

type Settings = NonNullable<NonNullable<Parameters<Raworc['spaces']['update']>[1]>['settings']>;
type Scheduling = NonNullable<Settings['scheduling']>;

export interface ScheduleOptions {
  readonly constraint?: readonly string[];
  readonly prefer?: readonly string[];
  readonly strategy?: (typeof STRATEGIES)[number];
  readonly antiAffinity?: (typeof ANTI_AFFINITIES)[number];
  readonly clear?: boolean;
}

const CLEARED = { constraints: null, preferences: null, strategy: null, anti_affinity: null } as const satisfies Readonly<
  Record<keyof Scheduling, null>
>;

/** Changes the rules of a space for its new sessions, and prints them all. */
export async function scheduleSpace(io: Io, raworc: Raworc, name: string, options: ScheduleOptions): Promise<void> {
  const { constraint, prefer, strategy, antiAffinity, clear = false } = options;
  const changes: Scheduling = {
    ...(constraint && { constraints: constraint.map(labelRule) }),
    ...(prefer && { preferences: prefer.map(preference) }),
    ...(strategy && { strategy }),
    ...(antiAffinity && { anti_affinity: antiAffinity }),
  };
  // A merge, so that a rule that somebody else changes meanwhile is kept.
  const scheduling = { ...(clear ? CLEARED : {}), ...changes };
  const isChange = Object.keys(scheduling).length > 0;
  const { settings } = isChange ? await raworc.spaces.patch(name, { settings: { scheduling } }) : await raworc.spaces.get(name);
  io.stdout.write(table(scheduleRows(schedulingIn(settings))));
}

/** Returns the setting `scheduling`, which the server has checked. */
export const schedulingIn = (settings: Readonly<Record<string, unknown>>): Scheduling => (settings as Settings).scheduling ?? {};

/** Returns the rules as a user would type them. */
export const scheduleRows = ({ constraints = [], preferences = [], strategy = 'spread', anti_affinity = 'none' }: Scheduling) =>
  [
    ['constraints', constraints.map(written).join(' ') || '-'],
    ['preferences', preferences.map(written).join(' ') || '-'],
    ['strategy', strategy],
    ['anti-affinity', anti_affinity],
  ] as const;
