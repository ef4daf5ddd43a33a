import type { Limits } from './session.ts';

/** The maximum of one session. 0 in a field means no bound. */
export type Most = Limits;

export const NO_BOUND: Most = { cpuMillis: 0, memoryBytes: 0, diskBytes: 0, processes: 0 };

const FIELDS = ['cpuMillis', 'memoryBytes', 'diskBytes', 'processes'] as const;

const each = (value: (field: keyof Limits) => number): Limits => ({
  cpuMillis: value('cpuMillis'),
  memoryBytes: value('memoryBytes'),
  diskBytes: value('diskBytes'),
  processes: value('processes'),
});

/** Returns the smaller bound of each field. */
export const lesserMost = (one: Most, other: Partial<Most>): Most =>
  each((field) => {
    const least = Math.min(bound(one[field]), bound(other[field]));
    return least === Number.POSITIVE_INFINITY ? 0 : least;
  });

/** Returns the controller's limits, lowered to this node's maximum. */
export const lowered = (limits: Limits, most: Most): Limits => each((field) => Math.min(limits[field], bound(most[field])));

/** Returns whether these limits exceed what the node now allows. */
export const exceeds = (limits: Partial<Limits>, most: Most): boolean => FIELDS.some((field) => (limits[field] ?? 0) > bound(most[field]));

const bound = (value: number | undefined): number => (value === undefined || value === 0 ? Number.POSITIVE_INFINITY : value);
