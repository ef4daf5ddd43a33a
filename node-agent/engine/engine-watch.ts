import { type Clock, pause } from '../../seams/clock.ts';
import type { Conditions } from '../conditions.ts';
import { within } from './deadline.ts';

/** Interval of pings. With the two limits below, a hung engine is detected within ten seconds. */
const ASK_EVERY_MS = 2_000;
const ANSWER_WITHIN_MS = 2_500;
/** Unanswered pings in a row until the engine counts as hung. */
const UNANSWERED = 2;

export const ENGINE_HUNG = 'EngineHung';
const MESSAGE =
  'The container engine of this node does not answer. Running sessions continue; nothing is created, started, paused or removed until it answers. Check the engine on this host, for example with `docker ps`.';

export interface EngineWatchDeps {
  ping(signal: AbortSignal): Promise<void>;
  readonly clock: Clock;
  readonly conditions: Pick<Conditions, 'raise' | 'clear'>;
  /** Called when the engine stops answering, and when it answers again. */
  changed(answers: boolean): void;
}

/**
 * Pings the engine every few seconds. While it does not answer, a condition keeps new sessions off
 * the node.
 */
export class EngineWatch {
  readonly #deps: EngineWatchDeps;
  readonly #ending = new AbortController();
  #answers = true;
  #running: Promise<void> | undefined;

  constructor(deps: EngineWatchDeps) {
    this.#deps = deps;
  }

  get answers(): boolean {
    return this.#answers;
  }

  start(): void {
    this.#running ??= this.#watch();
  }

  async close(): Promise<void> {
    this.#ending.abort(new Error('the node agent is shutting down'));
    await this.#running;
  }

  async #watch(): Promise<void> {
    const { clock } = this.#deps;
    let unanswered = 0;
    while (!this.#ending.signal.aborted) {
      if (await this.#ask()) {
        unanswered = 0;
        this.#become(true);
      } else if (!this.#ending.signal.aborted) {
        unanswered += 1;
        if (unanswered >= UNANSWERED) this.#become(false);
      }
      // After an unanswered ping, the next comes sooner.
      await pause(clock, unanswered === 1 ? ASK_EVERY_MS / 4 : ASK_EVERY_MS, this.#ending.signal);
    }
  }

  async #ask(): Promise<boolean> {
    try {
      await within(this.#deps.clock, ANSWER_WITHIN_MS, this.#ending.signal, (signal) => this.#deps.ping(signal));
      return true;
    } catch {
      return false;
    }
  }

  #become(answers: boolean): void {
    if (answers === this.#answers) return;
    this.#answers = answers;
    const { conditions } = this.#deps;
    if (answers) conditions.clear(ENGINE_HUNG);
    else conditions.raise({ type: ENGINE_HUNG, message: MESSAGE, unschedulable: true });
    this.#deps.changed(answers);
  }
}
