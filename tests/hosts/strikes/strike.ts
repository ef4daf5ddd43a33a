import type { Host } from '../host.ts';

/** Longer than any lease, with time for the controller to notice. */
export const LEASE_MS = 15_000;
export const PAST_LEASE_MS = LEASE_MS + 3_000;

/** One fault, from its beginning until it is over. */
export interface Strike {
  readonly name: string;
  /** The host whose containers die with it, and the runs in them. */
  readonly cuts?: Host;
  /** Whether clients wait until it is over. */
  readonly takesController?: boolean;
  befall(traffic: StrikeTraffic): Promise<void>;
}

/** The messages meanwhile. */
export interface StrikeTraffic {
  /** Posts a message to a session of that host, and resolves once its agent works on it. */
  answersOn(host: Host): Promise<void>;
  /** Posts messages to the session, and resolves once its agent starts on one. */
  works(session: string): Promise<void>;
  /** Only this session of {@link Strike.cuts} dies, not all of them. */
  hits(session: string): void;
}
