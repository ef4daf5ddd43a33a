import type { Log } from '../../../seams/log.ts';
import type { HealthObject } from '../../contract/server.ts';

export type Health = ReturnType<typeof healthService>;

export interface HealthDeps {
  /** Throws when the store cannot be read. */
  checkStore(): void;
  /** By what is degraded: how much of it is, now. 0 is healthy. Counts alone, since health is public. */
  readonly degradations: Readonly<Record<string, () => number>>;
  readonly log: Log;
}

const FAILING = { code: 'UNAVAILABLE', message: 'Failing: store' };

/**
 * Reports whether the controller can serve. Only a store that cannot be read makes it fail; whatever costs latency, capacity or
 * one kind of request makes it `degraded`, with a count for each.
 */
export function healthService({ checkStore, degradations, log }: HealthDeps) {
  return {
    check(): HealthObject {
      const degraded: Record<string, number> = {};
      for (const [name, count] of Object.entries(degradations)) {
        const now = count();
        if (now > 0) degraded[name] = now;
      }
      try {
        checkStore();
        return { status: Object.keys(degraded).length === 0 ? 'ok' : 'degraded', checks: { store: 'ok' }, degraded };
      } catch (error) {
        log.error('store.unreadable', { error: error instanceof Error ? error.message : String(error) });
        return { status: 'failing', checks: { store: "cannot be read: see the controller's log" }, degraded, error: FAILING };
      }
    },
  };
}
