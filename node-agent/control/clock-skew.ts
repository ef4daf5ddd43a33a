import type { Clock } from '../../seams/clock.ts';
import type { Conditions } from '../conditions.ts';

export const CLOCK_SKEW = 'ClockSkew';
/** A larger difference raises the condition. */
export const MAX_SKEW_MS = 60_000;
/** The condition ends below this share of it, so that it does not come and go. */
const OVER_BELOW = 0.5;

export interface ClockSkewDeps {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly conditions: Pick<Conditions, 'raise' | 'clear'>;
}

/**
 * Compares this host's wall clock with the controller's as of an answer to a frame that was sent at
 * `sentMs` of the monotonic clock. The time that the answer took never counts as a difference.
 * `controllerNowMs` is 0 if the controller is too old to send it.
 */
export function compareClocks({ clock, conditions }: ClockSkewDeps, controllerNowMs: number, sentMs: number): void {
  if (controllerNowMs === 0) return;
  const tookMs = clock.monotonic() - sentMs;
  const behindMs = controllerNowMs - (clock.now() - tookMs / 2);
  const skewMs = Math.max(0, Math.abs(behindMs) - tookMs / 2);
  if (skewMs > MAX_SKEW_MS) conditions.raise({ type: CLOCK_SKEW, message: messageOf(behindMs), unschedulable: false });
  else if (Math.abs(behindMs) + tookMs / 2 < MAX_SKEW_MS * OVER_BELOW) conditions.clear(CLOCK_SKEW);
}

/** In whole minutes: the condition is sent again when its message changes. */
function messageOf(behindMs: number): string {
  const minutes = Math.round(Math.abs(behindMs) / 60_000);
  const by = minutes === 1 ? '1 minute' : `${minutes} minutes`;
  return `The clock of this host is ${by} ${behindMs > 0 ? 'behind' : 'ahead of'} the controller's. Certificates tolerate an hour; beyond that the node cannot join or renew. Synchronize both clocks, for example with chrony.`;
}
