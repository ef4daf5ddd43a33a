import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Readable, Writable } from 'node:stream';
import type { ExecEnd, ExecRequest } from '../../proto/streams/exec-stream.ts';
import type { TerminalSize } from '../../proto/streams/process-stream.ts';
import type { Groups } from './bounds/groups.ts';
import { spawnFirst } from './program.ts';
import type { User } from './user.ts';

/** A running program that a person or another program started, and that belongs to no agent. */
export interface Command {
  /** Undefined if it was not started; `ended` says why. */
  readonly pid: number | undefined;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Its end, without what it left in the background. */
  readonly ended: Promise<Pick<ExecEnd, 'exitCode' | 'signal' | 'fault'>>;
  /** Signals its process group, and with a terminal what is in the foreground. */
  signal(name: NodeJS.Signals): void;
  /** With a terminal. */
  resize?(size: TerminalSize): void;
  /** Kills it and everything that it started. */
  kill(): void;
  /** What it left in the background continues. Nothing can be killed through this any more. */
  leave(): void;
}

/** What to start, and where. */
export type CommandRequest = Pick<ExecRequest, 'argv' | 'cwd' | 'env' | 'asRoot'> & Partial<Pick<ExecRequest, 'hasInput'>>;

/** `fault` says why it was not started, `exitCode` too, as shells do. */
export interface NotStarted {
  readonly fault: string;
  readonly exitCode: 126 | 127;
}
export type StartCommand = (request: CommandRequest) => Command | NotStarted;

export interface CommandOptions {
  /** The directory that relative ones are in. */
  readonly workspace: string;
  readonly environment: Record<string, string>;
  readonly user: User | undefined;
  readonly groups: Groups | undefined;
  readonly prepare: () => void;
  /** Called when it starts and when it ends. */
  readonly running: (isRunning: boolean) => void;
}

/** Starts a program as agents are started: as their user, in a group of its own. Returns why if it cannot. */
export function startCommand(
  { argv, cwd, env, hasInput = true }: Omit<CommandRequest, 'asRoot'>,
  options: CommandOptions,
): ReturnType<StartCommand> {
  const { workspace, environment, user, groups, prepare, running } = options;
  const directory = resolve(workspace, cwd);
  const [program = '', ...args] = argv;
  try {
    prepare();
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error), exitCode: CANNOT_RUN };
  }
  if (!isDirectory(directory)) return { fault: `There is no directory ${shown(directory)}.`, exitCode: CANNOT_RUN };
  const group = groups?.take();
  if (groups !== undefined && group === undefined) return { fault: 'All group ids for processes are in use.', exitCode: CANNOT_RUN };
  const leave = () => group !== undefined && groups?.leave(group);
  const spawned = () =>
    spawnFirst(groups !== undefined, program, args, {
      cwd: directory,
      env: { ...environment, ...env },
      detached: true,
      stdio: [hasInput ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      ...(user === undefined ? {} : { uid: user.uid, gid: group ?? user.gid }),
    });
  let child: ReturnType<typeof spawned>;
  try {
    child = spawned();
  } catch (error) {
    leave();
    return faultOf(error, program, directory);
  }
  const { stdin, stdout, stderr } = child;
  if ((hasInput && stdin === null) || stdout === null || stderr === null) throw new Error('a child without pipes');
  let isLeft = false;
  running(true);
  const ended = new Promise<Pick<ExecEnd, 'exitCode' | 'signal' | 'fault'>>((resolve) => {
    child.once('error', (error) => {
      if (child.pid === undefined) resolve({ signal: null, ...faultOf(error, program, directory) });
    });
    child.once('exit', (exitCode, signal) => resolve({ exitCode, signal, fault: '' }));
  });
  void ended.then(() => running(false));
  return {
    ...{ pid: child.pid, stdin: stdin ?? nowhere(), stdout, stderr, ended },
    signal(name) {
      if (!isLeft && child.pid !== undefined) signalGroup(child.pid, name);
    },
    kill() {
      if (isLeft || child.pid === undefined) return;
      if (group !== undefined) return groups?.end(group);
      signalGroup(child.pid, 'SIGKILL');
    },
    leave() {
      isLeft = true;
      leave();
    },
  };
}

const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() });

/** Signals a process group, if it still exists. */
export function signalGroup(group: number, name: NodeJS.Signals): void {
  try {
    process.kill(-group, name);
  } catch {
    // Already gone.
  }
}

/** Such a path can also be too long, a loop of links, or closed. */
export function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** Names can be longer than a frame. */
export const shown = (name: string): string => (name.length > 500 ? `${name.slice(0, 500).toWellFormed()}…` : name);

const CANNOT_RUN = 126;

function faultOf(error: unknown, ...names: readonly [program: string, directory: string]): NotStarted {
  const [program = '', directory = ''] = names.map(shown);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const because = (fault: string): NotStarted => ({ fault, exitCode: CANNOT_RUN });
  if (code === 'ENOENT') return { fault: `There is no program ${program}.`, exitCode: 127 };
  if (code === 'EACCES') return because(`${program} cannot be executed, or ${directory} cannot be entered: permission denied.`);
  if (code === 'E2BIG') return because('The arguments and the environment are too long for a process.');
  if (code === 'EAGAIN') return because('The session is at its limit of processes and threads (limits.processes).');
  return because(`${program} cannot be started: ${String(code ?? error)}.`);
}
