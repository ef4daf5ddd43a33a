import type { BuildStage } from '../../proto/build-stages.ts';
import type { BuildStage__Output as ReportedStage } from '../../proto/generated/raworc/node/v0/BuildStage.ts';
import type { Clock } from '../../seams/clock.ts';
import type { BuildLog } from './build-log.ts';

/** What the parts of a build tell those who watch it. */
export interface BuildProgress {
  /** Ends the stage before it. A stage that begins again continues. */
  begin(stage: BuildStage): void;
  /** Adds lines of the node agent's own to the log. */
  print(text: string): void;
  /** Adds what a program printed to the log, as it comes. */
  output(chunk: Uint8Array): void;
  /** Keeps a secret out of the log and of error messages. Call it before anything knows the secret. */
  mask(secret: string): void;
}

/** For builds that nobody watches. */
export const UNWATCHED: BuildProgress = {
  begin: () => undefined,
  print: () => undefined,
  output: () => undefined,
  mask: () => undefined,
};

/** The stages of one build, with their times, and its log. */
export class Progress implements BuildProgress {
  readonly log: BuildLog;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #changed: () => void;
  readonly #stages = new Map<BuildStage, { tookMs: number; over: boolean }>();
  #current: BuildStage | undefined;
  #sinceMs = 0;

  constructor(log: BuildLog, clock: Pick<Clock, 'monotonic'>, changed: () => void) {
    this.log = log;
    this.#clock = clock;
    this.#changed = changed;
  }

  begin(stage: BuildStage): void {
    if (this.#current === stage) return;
    this.#leave(true);
    this.#stages.set(stage, { tookMs: this.#stages.get(stage)?.tookMs ?? 0, over: false });
    this.#current = stage;
    this.#sinceMs = this.#clock.monotonic();
    this.log.stage(stage);
    this.#changed();
  }

  print(text: string): void {
    this.log.print(text);
  }

  output(chunk: Uint8Array): void {
    this.log.output(chunk);
  }

  mask(secret: string): void {
    this.log.mask(secret);
  }

  /** Ends the current stage, and the log. */
  end(isDone: boolean): void {
    this.#leave(isDone);
    this.log.end();
  }

  get stages(): ReportedStage[] {
    return [...this.#stages].map(([name, { tookMs, over }]) => ({ name, tookMs, over }));
  }

  #leave(over: boolean): void {
    const current = this.#current;
    if (current === undefined) return;
    // A stage that took no time has a time too: 0 stands for none.
    const tookMs = Math.max(1, Math.round(this.#clock.monotonic() - this.#sinceMs));
    this.#stages.set(current, { tookMs: (this.#stages.get(current)?.tookMs ?? 0) + tookMs, over });
    this.#current = undefined;
  }
}
