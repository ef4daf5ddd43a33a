import { spawn } from 'node:child_process';
import { accessSync, appendFileSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { Trouble } from '../program.ts';
import { signal } from './process.ts';

export interface LaunchOptions {
  readonly cwd?: string;
  /** The whole environment. Default: that of this process. */
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  readonly onText?: (text: string, from: 'stdout' | 'stderr') => void;
  readonly onLine?: (line: string) => void;
  /** Kills the program and everything in its process group. */
  readonly stop?: AbortSignal | undefined;
}

export interface Launched {
  readonly pid: number | undefined;
  /** Resolves to the exit code or signal once the program has ended and its output was read. */
  readonly ended: Promise<number | string>;
  kill(): void;
}

/**
 * Starts a program in a process group of its own, so that the terminal's Ctrl-C does not reach it
 * and this process decides the order of shutdown. When it ends, the rest of its group is killed.
 */
export function launch(program: string, args: readonly string[], options: LaunchOptions = {}): Launched {
  const { input = '', onText, onLine, stop, ...spawnOptions } = options;
  stop?.throwIfAborted();
  const child = spawn(program, args, { ...spawnOptions, detached: true, stdio: 'pipe' });
  const kill = () => {
    if (child.pid !== undefined) signal(-child.pid, 'SIGKILL');
  };
  stop?.addEventListener('abort', kill);
  for (const from of ['stdout', 'stderr'] as const) {
    const stream = child[from].setEncoding('utf8');
    stream.on('data', (text: string) => onText?.(text, from));
    if (onLine) createInterface({ input: stream }).on('line', onLine);
  }
  child.stdin.on('error', () => undefined); // It can end without reading its input.
  child.stdin.end(input);
  child.on('exit', kill);
  const ended = new Promise<number | string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, by) => resolve(code ?? by ?? 1));
  }).finally(() => stop?.removeEventListener('abort', kill));
  return { pid: child.pid, ended, kill };
}

export interface RunOptions extends LaunchOptions {
  /** Output is appended to this file. */
  readonly logFile: string;
  readonly remedy: string;
  /** What was attempted, for the error. Default: the program. */
  readonly task?: string;
}

/** Runs a program to its end. Throws Trouble with its last lines if it fails. */
export async function run(program: string, args: readonly string[], options: RunOptions): Promise<void> {
  const { logFile, remedy, task = `${program} ${args[0] ?? ''}`, onLine, ...launchOptions } = options;
  const last: string[] = [];
  const { ended } = launch(program, args, {
    ...launchOptions,
    onLine(line) {
      appendFileSync(logFile, `${line}\n`, { mode: 0o600 });
      last.push(line);
      if (last.length > 8) last.shift();
      onLine?.(line);
    },
  });
  const code = await ended;
  options.stop?.throwIfAborted();
  if (code !== 0) throw new Trouble(`${task} failed (${code}):\n${last.join('\n')}`, `${remedy}; the whole log is ${logFile}`);
}

/** Returns the path of a program, found in PATH, the sbin directories, or one of `places`. */
export function findProgram(name: string, places: readonly string[] = []): string | undefined {
  const system = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin'];
  const paths = [...(process.env.PATH ?? '').split(':').filter(Boolean), ...system, ...places].map((place) => join(place, name));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return statSync(path).isFile();
    } catch {
      return false;
    }
  });
}
