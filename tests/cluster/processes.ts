import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { START_ENVIRONMENT } from '../start-environment.ts';
import { within } from './deadline.ts';

export type LogEvent = Readonly<Record<string, unknown>>;

/** A child process and its output lines, which are kept so that a wait also sees earlier ones. */
export class Child {
  readonly name: string;
  readonly lines: string[] = [];
  readonly #process: ChildProcess;
  readonly #ended: Promise<string>;
  readonly #looks = new Set<() => void>();
  #end: string | undefined;

  constructor(name: string, command: string, args: readonly string[], env: Readonly<Record<string, string>>, cwd: string) {
    this.name = name;
    // Ended by the kernel when the test's own process is, however that ends.
    this.#process = spawn('setpriv', ['--pdeathsig', 'KILL', '--', command, ...args], {
      cwd,
      env: { ...START_ENVIRONMENT, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#ended = new Promise((resolve) => {
      const ended = (how: string) => {
        this.#end ??= how;
        resolve(this.#end);
        this.#look();
      };
      this.#process.once('error', (fault) => ended(fault.message));
      this.#process.once('close', (code, signal) => ended(signal ?? `code ${code}`));
    });
    this.#read(this.#process.stdout);
    this.#read(this.#process.stderr);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get running(): boolean {
    return this.#end === undefined;
  }

  /** Resolves to the first matching line. Rejects if the process exits without it. */
  untilLine(what: string, matches: (line: string) => boolean, limitMs = 30_000): Promise<string> {
    const found = new Promise<string>((resolve, reject) => {
      const look = () => {
        const match = this.lines.find(matches);
        if (match === undefined && this.#end === undefined) return;
        this.#looks.delete(look);
        if (match !== undefined) resolve(match);
        else reject(new Error(`${this.name} ended (${this.#end}) before ${what}\n${this.lines.slice(-20).join('\n')}`));
      };
      this.#looks.add(look);
      look();
    });
    return within(`${this.name}: ${what}`, limitMs, found);
  }

  /** Resolves to the first log line of that event. */
  async untilEvent(event: string, limitMs = 30_000): Promise<LogEvent> {
    const line = await this.untilLine(event, (candidate) => parse(candidate)?.event === event, limitMs);
    return parse(line) ?? {};
  }

  /** Sends the signal. Resolves to the exit status once the process is gone. */
  async end(signal: NodeJS.Signals, limitMs = 30_000): Promise<string> {
    if (this.#end !== undefined) return this.#end;
    this.#process.kill(signal);
    return within(`${this.name} to end after ${signal}`, limitMs, this.#ended);
  }

  /** For SIGSTOP and SIGCONT, which do not end the process. */
  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Resolves to the exit status once the process is gone. */
  ended(limitMs = 30_000): Promise<string> {
    return within(`${this.name} to end`, limitMs, this.#ended);
  }

  #read(stream: Readable | null): void {
    if (stream === null) return;
    createInterface({ input: stream }).on('line', (line) => {
      this.lines.push(line);
      this.#look();
    });
  }

  #look(): void {
    for (const look of [...this.#looks]) look();
  }
}

/** Returns the first child of a process, or 0. */
export function childOf(pid: number): number {
  const file = `/proc/${pid}/task/${pid}/children`;
  const [child = ''] = existsSync(file) ? readFileSync(file, 'utf8').split(' ') : [];
  return Number(child);
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

function parse(line: string): LogEvent | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
