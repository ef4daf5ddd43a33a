import { join } from 'node:path';
import { type Launched, launch } from '../machine/launch.ts';
import { processesWith, signal, untilGone } from '../machine/process.ts';
import { placeIn } from '../places.ts';
import { reasonOf, Trouble } from '../program.ts';
import { boundedLog, type LogEntry, parseLogLine } from './log-line.ts';

export interface ChildOptions {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly dataDir: string;
  readonly onLine: (name: string, line: string) => void;
  /** Whether this line tells that the process serves. */
  readonly isReady: (line: string, entry: LogEntry | undefined) => boolean;
}

const readyLimitMs = 60_000;
const longestRestartMs = 30_000;
/** In the environment of every child: the data directory of its run. */
const ownerVariable = 'RAWORC_UP_DIRECTORY';

/**
 * Kills the children of an earlier run that was itself killed. That is safe: every part recovers
 * when it starts.
 */
export async function endLeftovers(dataDir: string): Promise<void> {
  for (const pid of processesWith(ownerVariable, dataDir)) {
    signal(pid, 'SIGKILL');
    await untilGone(pid, 5000);
  }
}

/** One of Raworc's processes. After `keep` it is restarted when it ends without being asked. */
export class Child {
  readonly #options: ChildOptions;
  readonly #logFile: string;
  readonly #log: (line: string) => void;
  #process: Launched | undefined;
  #isKept = false;
  #restart: NodeJS.Timeout | undefined;
  #failures = 0;

  constructor(options: ChildOptions) {
    this.#options = options;
    this.#logFile = join(placeIn(options.dataDir, 'logs'), `${options.name}.log`);
    this.#log = boundedLog(this.#logFile);
  }

  /** Resolves with the log line that showed that the process is ready. */
  async start(): Promise<LogEntry | undefined> {
    const { name, program, args, env, dataDir, isReady } = this.#options;
    const ready = Promise.withResolvers<LogEntry | undefined>();
    const recent: string[] = [];
    const fail = (what: string) => {
      const tail = recent.slice(-6).map((line) => `\n  ${line}`);
      ready.reject(new Trouble(`${name} ${what}:${tail.join('')}`, `its whole log is ${this.#logFile}`));
    };
    this.#process = launch(program, args, {
      env: { ...env, [ownerVariable]: dataDir },
      onLine: (line) => {
        this.#log(line);
        recent.push(line);
        if (recent.length > 50) recent.shift();
        this.#options.onLine(name, line);
        const entry = parseLogLine(line);
        if (!isReady(line, entry)) return;
        this.#failures = 0;
        ready.resolve(entry);
      },
    });
    const limit = setTimeout(() => fail(`was not ready within ${readyLimitMs / 1000} s`), readyLimitMs);
    this.#process.ended.then(
      (how) => {
        fail(`ended with ${how} before it was ready`); // No effect if it was ready.
        this.#onEnd(how);
      },
      (error) => fail(`could not be started (${reasonOf(error)})`),
    );
    return ready.promise.finally(() => clearTimeout(limit));
  }

  /** From now on, restarts the process with growing delays if it ends unexpectedly. */
  keep(): void {
    this.#isKept = true;
  }

  /** From now on, its end is expected: something else was asked to stop it. */
  release(): void {
    this.#isKept = false;
    clearTimeout(this.#restart);
  }

  /** Asks it to end and waits; kills it when the time is up. */
  async stop(limitMs: number): Promise<void> {
    this.release();
    const pid = this.#process?.pid;
    if (pid === undefined) return;
    signal(pid, limitMs === 0 ? 'SIGKILL' : 'SIGTERM');
    await untilGone(pid, limitMs);
    this.#process?.kill();
    await untilGone(pid, 2000);
  }

  #onEnd(how: number | string): void {
    if (!this.#isKept) return;
    const delayMs = Math.min(longestRestartMs, 500 * 2 ** this.#failures);
    this.#failures += 1;
    const event = `${this.#options.name}.ended`;
    this.#options.onLine('up', JSON.stringify({ at: new Date().toISOString(), level: 'warn', event, with: how, restart_in_ms: delayMs }));
    this.#restart = setTimeout(() => {
      this.start().catch(() => undefined); // Its own log lines show the cause, and it is restarted.
    }, delayMs);
  }
}
