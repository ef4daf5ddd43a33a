import { chmodSync, chownSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { ReadStream } from 'node:tty';
import type { TerminalSize } from '../../../proto/streams/process-stream.ts';
import { type Command, type CommandOptions, type CommandRequest, isDirectory, shown, signalGroup } from '../command.ts';
import { killedFirst } from '../program.ts';
import type { TerminalBinding } from './binding.ts';

const NO_TERMINALS =
  'This node has no terminals: its installation lacks the package @lydell/node-pty for its processor. Install Raworc again.';
const SIGNAL_NAMES = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

export interface KeptOptions extends CommandOptions {
  readonly binding: TerminalBinding | undefined;
}

interface TerminalRequest extends Omit<CommandRequest, 'asRoot'> {
  readonly size: TerminalSize;
}

/** Starts a program on a terminal of its own, otherwise as a command. Returns why if it cannot. */
export function startTerminal({ argv, cwd, env, size }: TerminalRequest, options: KeptOptions): Command | { readonly fault: string } {
  const { workspace, environment, user, groups, prepare, running, binding } = options;
  if (binding === undefined) return { fault: NO_TERMINALS };
  const directory = resolve(workspace, cwd);
  const whole = { ...environment, ...env };
  const [program = '', ...args] = argv;
  try {
    prepare();
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
  if (!isDirectory(directory)) return { fault: `There is no directory ${shown(directory)}.` };
  if (!isThere(program, directory, whole.PATH ?? '')) return { fault: `There is no program ${shown(program)}.` };
  const group = groups?.take();
  if (groups !== undefined && group === undefined) return { fault: 'All group ids for processes are in use.' };
  const leave = () => group !== undefined && groups?.leave(group);
  let onEnd: (exitCode: number, signal: number) => void = () => undefined;
  const exit = new Promise<{ exitCode: number; signal: number }>((done) => {
    onEnd = (exitCode, signal) => done({ exitCode, signal });
  });
  let forked: ReturnType<typeof binding.fork>;
  try {
    const variables = Object.entries(whole).map(([name, value]) => `${name}=${value}`);
    const [uid, gid] = user === undefined ? [-1, -1] : [user.uid, group ?? user.gid];
    const fork = () => binding.fork(program, args, variables, directory, size.cols, size.rows, uid, gid, true, '', onEnd);
    forked = killedFirst(groups !== undefined, fork);
  } catch {
    leave();
    return {
      fault: 'The kernel refused a terminal or a process: the session is at its limit of processes and threads (limits.processes).',
    };
  }
  const { fd, pid, pty } = forked;
  if (user !== undefined) give(pty, user);
  running(true);
  const terminal = new ReadStream(fd);
  let isOpen = true;
  // It fails once nothing has it open any more.
  terminal.on('error', () => undefined);
  terminal.once('close', () => {
    isOpen = false;
  });
  const ended = exit.then(({ exitCode, signal }) => {
    running(false);
    const name = signal === 0 ? null : (SIGNAL_NAMES.get(signal) ?? `signal ${signal}`);
    return { exitCode: name === null ? exitCode : null, signal: name, fault: '' };
  });
  let isLeft = false;
  return {
    ...{ pid, stdin: terminal, stdout: terminal, stderr: Readable.from([]), ended },
    signal(name) {
      if (isLeft) return;
      for (const one of new Set([foregroundOf(pid) ?? pid, pid])) signalGroup(one, name);
    },
    resize({ cols, rows }) {
      if (isOpen) binding.resize(fd, cols, rows);
    },
    kill() {
      if (isLeft) return;
      if (group !== undefined) return groups?.end(group);
      for (const one of groupsOf(pid)) signalGroup(one, 'SIGKILL');
    },
    leave() {
      isLeft = true;
      leave();
    },
  };
}

/** Programs such as screen open their terminal by its name. */
function give(pty: string, { uid }: { readonly uid: number }): void {
  try {
    chownSync(pty, uid, statSync(pty).gid);
  } catch {
    try {
      // Without the right to change owners. All processes of the session have the same user.
      chmodSync(pty, 0o666);
    } catch {
      // It works without.
    }
  }
}

/** Whether there is such a program. Whether it can be executed shows when it is. */
function isThere(program: string, directory: string, path: string): boolean {
  const places = program.includes('/') ? [directory] : path.split(':').map((place) => resolve(directory, place));
  return places.some((place) => {
    try {
      return !statSync(program.startsWith('/') ? program : join(place, program)).isDirectory();
    } catch {
      return false;
    }
  });
}

/** Returns the process group in the foreground of the process's terminal. */
function foregroundOf(pid: number): number | undefined {
  const group = Number(fieldsOf(pid)[5]);
  return group > 1 ? group : undefined;
}

/** Returns the process groups of the session that the process leads. */
function groupsOf(leader: number): ReadonlySet<number> {
  const found = new Set([leader]);
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const [, , group, session] = fieldsOf(Number(name));
    if (Number(session) === leader && Number(group) > 1) found.add(Number(group));
  }
  return found;
}

/** Returns what is known of a process from its state on: parent, group, session, terminal, foreground. */
function fieldsOf(pid: number): readonly string[] {
  try {
    // The name of the program, in parentheses, can contain anything.
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}
