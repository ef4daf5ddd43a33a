import type { Log } from '../../seams/log.ts';
import type { Phase } from '../domain/session.ts';
import type { Seen } from '../engine/seen.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { type Status, sameStatus } from './status.ts';

export interface StatusReporterDeps {
  readonly ledger: Pick<Ledger, 'assignment'>;
  readonly log: Log;
  changed(status: Status): void;
}

/** Why a session failed at a generation. */
export interface Failed {
  readonly generation: number;
  readonly reason: string;
}

/** Reports one session, each status once. */
export class StatusReporter {
  readonly #sessionId: string;
  readonly #deps: StatusReporterDeps;
  #reported: Status | undefined;

  constructor(sessionId: string, deps: StatusReporterDeps) {
    this.#sessionId = sessionId;
    this.#deps = deps;
  }

  /**
   * The controller can have missed the last report, so the next one is sent even if nothing
   * changed.
   */
  forget(): void {
    this.#reported = undefined;
  }

  /** Returns the current report for an inventory. Later changes to it are reported. */
  tell(phase: Phase, seen: Seen, failed: Failed | undefined): Status {
    this.#reported = this.#status(phase, seen, failed);
    return this.#reported;
  }

  #status(phase: Phase, { container, volume }: Seen, failed: Failed | undefined): Status {
    const generation = this.#deps.ledger.assignment(this.#sessionId)?.generation ?? 0;
    const reason = failed?.generation === generation ? failed.reason : '';
    const { id: containerId = '', isolation = '' } = container ?? {};
    return { sessionId: this.#sessionId, generation, phase, containerId, volume: volume?.name ?? '', reason, isolation };
  }

  say(phase: Phase, seen: Seen, failed: Failed | undefined): void {
    const status = this.#status(phase, seen, failed);
    if (this.#reported !== undefined && sameStatus(this.#reported, status)) return;
    this.#reported = status;
    this.#deps.log.debug('session.phase', { session: this.#sessionId, generation: status.generation, phase });
    this.#deps.changed(status);
  }

  /** Reports STARTING once, before the first slow step. */
  begin(seen: Seen, failed: Failed | undefined): void {
    const generation = this.#deps.ledger.assignment(this.#sessionId)?.generation;
    if (this.#reported?.phase === 'STARTING' && this.#reported.generation === generation) return;
    this.say('STARTING', seen, failed);
  }
}
