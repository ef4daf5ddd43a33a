import type { Host } from '../host.ts';

/** Longer than any lease, with time for the controller to notice. */
export const LEASE_MS = 15_000;
export const PAST_LEASE_MS = LEASE_MS + 3_000;

/** One fault, from its beginning until it is over. */
export interface Strike {
  readonly name: string;
  /** The host whose containers die with it. */
  readonly cuts?: Host;
  /** Whether clients wait until it is over. */
  readonly takesController?: boolean;
  befall(): Promise<void>;
}
