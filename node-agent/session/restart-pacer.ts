import { describeExit } from '../domain/container-end.ts';
import { afterEnds, ENDS_BORNE, ENGINE_ENDS_MS, recentEnds } from '../domain/restart-delay.ts';
import type { ContainerSeen } from '../domain/session.ts';
import type { Host } from '../host.ts';
import type { Ends } from '../ledger/ledger.ts';

export type PacerDeps = Pick<Host, 'clock' | 'ledger'>;

/**
 * Counts the unrequested ends of one session's container, and decides when to restart it, if at
 * all. The ledger keeps the ends by the wall clock until the session has failed; a recovered
 * session starts with none. Exits while no node agent was running, and those caused by the engine,
 * do not count.
 */
export class RestartPacer {
  readonly #sessionId: string;
  readonly #deps: PacerDeps;
  #wasAlive = false;

  constructor(sessionId: string, deps: PacerDeps) {
    this.#sessionId = sessionId;
    this.#deps = deps;
  }

  /** The container was just started, so if it is found exited next, that is a new exit. */
  started(): void {
    this.#wasAlive = true;
  }

  /** The next exit is intended. */
  expectEnd(): void {
    this.#wasAlive = false;
  }

  /**
   * Records what was just observed. If the container has exited since, resolves to the number of
   * recent exits once that is durable.
   */
  async saw(container: ContainerSeen | undefined): Promise<number | undefined> {
    const alive = container?.state === 'running' || container?.state === 'paused';
    const ended = this.#wasAlive && !alive;
    this.#wasAlive = alive;
    const { ledger, clock } = this.#deps;
    if (!ended || ledger.assignment(this.#sessionId)?.desired !== 'running') return undefined;
    const nowMs = clock.now();
    const at = [...recentEnds(this.#ends().at, nowMs), nowMs].slice(-ENDS_BORNE);
    await ledger.setEnds(this.#sessionId, { at, last: describeExit(container?.exit) });
    return at.length;
  }

  /** The engine went away: containers that ended just before ended because of it. */
  async engineLost(): Promise<void> {
    this.#wasAlive = false;
    const ends = this.#ends();
    const since = this.#deps.clock.now() - ENGINE_ENDS_MS;
    const at = ends.at.filter((one) => one < since);
    if (at.length < ends.at.length) await this.#deps.ledger.setEnds(this.#sessionId, { ...ends, at });
  }

  /**
   * Returns the milliseconds until the container can be restarted, 0 for now; or, after too many
   * exits, a description of the last.
   */
  verdict(): number | { readonly last: string } {
    const { at, last } = this.#ends();
    const after = afterEnds(at, this.#deps.clock.now());
    return after === 'give-up' ? { last } : after;
  }

  #ends(): Ends {
    return this.#deps.ledger.ends(this.#sessionId) ?? { at: [], last: '' };
  }
}
