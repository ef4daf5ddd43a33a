import type { LimitReached__Output as LimitReached } from '../../proto/generated/raworc/v0/LimitReached.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import { type Counter, type Metrics, silentMetrics } from '../../seams/metrics.ts';
import type { Outbox } from '../control/outbox.ts';

const REPORT_EVERY_MS = 60_000;
const REASONS: ReadonlyMap<string, string> = new Map([
  ['processes', 'process limit reached'],
  ['memory', 'memory limit reached'],
]);

export interface LimitReportsDeps {
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: Metrics | undefined;
}

/**
 * Reports that a session reached a limit, at most once a minute per limit, even if its guest
 * repeats it or restarts.
 */
export class LimitReports {
  readonly #deps: LimitReportsDeps;
  readonly #counter: Counter<'limit'>;
  readonly #reportedMs = new Map<string, Map<string, number>>();

  constructor(deps: LimitReportsDeps) {
    this.#deps = deps;
    this.#counter = (deps.metrics ?? silentMetrics).counter({
      name: 'session_limits_reached_total',
      help: 'Sessions whose agents reached a limit of their container, at most once a minute each',
      labels: ['limit'],
    });
  }

  report(value: LimitReached): void {
    const { sessionId: session, limit, agent } = value;
    const reason = REASONS.get(limit);
    if (reason === undefined) return;
    const { clock, log, outbox } = this.#deps;
    const nowMs = clock.monotonic();
    const reported = this.#reportedMs.get(session) ?? new Map<string, number>();
    if (nowMs - (reported.get(limit) ?? Number.NEGATIVE_INFINITY) < REPORT_EVERY_MS) return;
    this.#reportedMs.set(session, reported.set(limit, nowMs));
    log.warn('session.limit-reached', { session, reason, limit: value.value, agent: agent || undefined });
    this.#counter.add(1, { limit });
    outbox.pass({ kind: 'limitReached', value });
  }

  forget(sessionId: string): void {
    this.#reportedMs.delete(sessionId);
  }
}
