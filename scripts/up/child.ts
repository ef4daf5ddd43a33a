import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { untilGone } from '../machine/process.ts';
import { killGroup } from '../machine/run.ts';
import { placeIn } from '../places.ts';
import { Trouble } from '../trouble.ts';
import { LogFile } from './log-file.ts';
import { type LogEntry, parseLogLine } from './log-line.ts';
import { removePidFile, writePidFile } from './pid-file.ts';

export interface ChildOptions {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly dataDir: string;
  readonly onLine: (name: string, line: string) => void;
  /** The line that tells that it serves. */
  readonly isReady: (line: string, entry: LogEntry | undefined) => boolean;
}

const readyLimitMs = 60_000;
const longestRestartMs = 30_000;

/**
 * One of Raworc's processes, in a process group of its own so that the terminal's Ctrl-C leaves the order of ending to us. Its pid
 * is kept in a file, by which the next run ends it should this one be killed (pid-file.ts). Once `keep` was called it is started again when it ends.
 */
export class Child {
  readonly name: string;
  readonly #options: ChildOptions;
  readonly #log: LogFile;
  #process: ChildProcess | undefined;
  #stopping = false;
  #kept = false;
  #restart: NodeJS.Timeout | undefined;
  #fails = 0;

  constructor(options: ChildOptions) {
    this.name = options.name;
    this.#options = options;
    this.#log = new LogFile(join(placeIn(options.dataDir, 'logs'), `${options.name}.log`));
  }

  /** Resolves with the line that told that it serves. */
  start(): Promise<LogEntry | undefined> {
    const { name, program, args, env, dataDir, isReady } = this.#options;
    const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env });
    this.#process = child;
    const mark = args.find((arg) => arg.startsWith('/')) ?? program;
    if (child.pid !== undefined) writePidFile(dataDir, name, child.pid, mark);
    const recent: string[] = [];
    return new Promise((resolve, reject) => {
      const fail = (what: string) => {
        clearTimeout(limit);
        const tail = recent.slice(-6).map((line) => `  ${line}`);
        reject(new Trouble([`${name} ${what}:`, ...tail].join('\n'), `its whole log is ${this.#log.path}`));
      };
      const limit = setTimeout(() => fail(`did not get ready within ${readyLimitMs / 1000} s`), readyLimitMs);
      const onLine = (line: string) => {
        this.#log.write(line);
        recent.push(line);
        if (recent.length > 50) recent.shift();
        this.#options.onLine(name, line);
        const entry = parseLogLine(line);
        if (!isReady(line, entry)) return;
        clearTimeout(limit);
        this.#fails = 0;
        resolve(entry);
      };
      for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', onLine);
      child.on('error', (error) => fail(`could not be started (${error.message})`));
      child.on('close', (code, by) => {
        fail(`ended with ${code ?? by} before it was ready`); // Nothing, when it was.
        this.#ended(code ?? by);
      });
    });
  }

  /** From now on it is started again, ever later, when it ends without being asked. */
  keep(): void {
    this.#kept = true;
  }

  /** It may end by itself from now on: another one was told to end it. */
  release(): void {
    this.#stopping = true;
    clearTimeout(this.#restart);
  }

  /** Asks it to end and waits; ends it with force when the time is up. */
  async stop(limitMs: number, name: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.release();
    const child = this.#process;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill(name);
      await untilGone(child.pid, limitMs);
      killGroup(child, 'SIGKILL');
      await untilGone(child.pid, 2000);
    }
    removePidFile(this.#options.dataDir, this.name);
  }

  /** Waits for it to end by itself. */
  async untilEnded(limitMs: number): Promise<void> {
    if (this.#process?.pid !== undefined) await untilGone(this.#process.pid, limitMs);
  }

  #ended(how: number | string | null): void {
    removePidFile(this.#options.dataDir, this.name);
    if (this.#stopping || !this.#kept) return;
    const delayMs = Math.min(longestRestartMs, 500 * 2 ** this.#fails);
    this.#fails += 1;
    const fields = { at: new Date().toISOString(), level: 'warn', event: `${this.name}.ended`, with: how, restart_in_ms: delayMs };
    this.#options.onLine('up', JSON.stringify(fields));
    this.#restart = setTimeout(() => {
      this.start().catch(() => undefined); // Told by its own lines, and tried again.
    }, delayMs);
  }
}
