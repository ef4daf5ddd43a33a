import type { Log } from '../../../seams/log.ts';
import type { HealthObject } from '../../contract/server.ts';

export type Health = ReturnType<typeof healthService>;

export interface HealthDeps {
  /** Throws if the store cannot be read. */
  checkStore(): void;
  /** How much of each kind is degraded now; 0 is healthy. Only counts, because health is public. */
  readonly degradations: Readonly<Record<string, () => number>>;
  readonly log: Log;
}

const FAILING = { code: 'UNAVAILABLE', message: 'Failing: store' };

/**
 * Reports whether the controller can serve requests. Only an unreadable store makes it fail. Lost
 * speed or capacity makes it `degraded`, with a count of each kind.
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
