import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';

const systemPlaces = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin'];

/** The path of a program, looked up in PATH and where administrators' programs are; undefined when it is not there. */
export function findProgram(name: string): string | undefined {
  for (const place of [...(process.env.PATH ?? '').split(delimiter), ...systemPlaces]) {
    const path = join(place, name);
    if (place !== '' && isProgram(path)) return path;
  }
  return undefined;
}

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Output is appended to this file. */
  readonly logFile: string;
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Answers the exit code. The program has a process group of its own, which ends whole when the signal aborts. */
export async function run(program: string, args: readonly string[], options: RunOptions): Promise<number> {
  options.signal?.throwIfAborted();
  const log = openSync(options.logFile, 'a', 0o600);
  try {
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', options.onLine ? 'pipe' : log, log],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...options.env },
    });
    const abort = () => killGroup(child, 'SIGKILL');
    options.signal?.addEventListener('abort', abort);
    let rest = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        writeSync(log, `${line}\n`);
        options.onLine?.(line);
      }
    });
    try {
      return await new Promise<number>((resolve, reject) => {
        child.on('error', reject);
        child.on('close', (code) => resolve(code ?? 1));
      });
    } finally {
      options.signal?.removeEventListener('abort', abort);
    }
  } finally {
    closeSync(log);
  }
}

/** Signals a detached child's whole process group; one that is gone already is no error. */
export function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone.
  }
}

/** The last lines of a log, for an error's explanation. */
export function tail(file: string, lines: number): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '';
  }
}
