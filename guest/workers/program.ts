import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { openSync, readSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Clock } from '../../seams/clock.ts';
import { Printed } from '../logs/printed.ts';
import type { Bounds } from './bounds/bounds.ts';
import type { Groups } from './bounds/groups.ts';
import type { User } from './user.ts';

export interface ProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly directory: string;
  readonly environment: Record<string, string>;
  /** Undefined outside a container: the user of this process. */
  readonly user: User | undefined;
  readonly clock: Clock;
  /** Called before the process starts. If it throws, the process is not started. */
  readonly prepare?: () => void;
  /** In a container: enforces and explains its limits. */
  readonly bounds?: Bounds | undefined;
  /** In a container: identifies the program's children by their group, and kills them with it. */
  readonly groups?: Groups | undefined;
}

/** How long an interrupted run has to clean up. */
export const INTERRUPTION_MS = 1000;
/** The kernel kills agents for memory before it kills the guest. */
const SCORE = '/proc/self/oom_score_adj';
const SCORE_OF_AGENTS = '500';
/** Opened once: every start of a process reads and writes it. */
let score: number | undefined;
const scoreText = Buffer.alloc(16);

export type ProgramEnd =
  | { readonly kind: 'not-started'; readonly message: string; readonly isAtLimit: boolean }
  | { readonly kind: 'ended'; readonly code: number | null; readonly signal: string | null };

/**
 * An agent's process: another user without capabilities, in its own process group and, in a
 * container, with its own group id, so that everything it starts can be found and killed. Its
 * standard input is empty unless written to; file descriptor 3 is a socket to the guest.
 */
export class Program {
  readonly child: ChildProcess;
  /** Group id of its processes. Undefined outside a container. */
  readonly group: number | undefined;
  readonly stdout: Printed | undefined;
  readonly stderr: Printed | undefined;
  /** Resolves once it has ended, its children are killed, and its output was read. */
  readonly ended: Promise<ProgramEnd>;
  alive = true;
  readonly #bounds: Bounds | undefined;
  readonly #refusedBefore: number;
  #wasKilled = false;

  constructor(options: ProgramOptions, keepStdout = true) {
    const { command, args, directory, environment, user, clock, groups } = options;
    this.#bounds = options.bounds;
    this.#refusedBefore = this.#bounds?.processesRefused ?? 0;
    options.prepare?.();
    this.group = groups?.take();
    if (groups !== undefined && this.group === undefined) throw new Error('all group ids for agent processes are in use');
    this.child = spawnFirst(this.#bounds !== undefined, command, args, {
      cwd: directory,
      env: environment,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      ...(user === undefined ? {} : { uid: user.uid, gid: this.group ?? user.gid }),
    });
    const { stdin, stdout, stderr } = this.child;
    stdin?.on('error', () => undefined);
    this.stdout = stdout && keepStdout ? new Printed(stdout, 'STDOUT') : undefined;
    this.stderr = stderr ? new Printed(stderr, 'STDERR') : undefined;
    this.ended = new Promise((resolve) => {
      const finish = (end: ProgramEnd) => {
        this.#killGroup();
        if (this.group !== undefined) groups?.release(this.group);
        // From now on another process can get its id.
        this.alive = false;
        // Its last output is already in the pipes. Other processes can keep the pipes open
        // indefinitely.
        twoTurns(clock, () => {
          for (const stream of this.child.stdio) stream?.destroy();
          this.stdout?.end();
          this.stderr?.end();
          resolve(end);
        });
      };
      this.child.once('error', (fault) => {
        if (this.child.pid === undefined) finish(this.#notStarted(fault));
      });
      this.child.once('exit', (code, signal) => finish({ kind: 'ended', code, signal }));
    });
  }

  #notStarted(fault: Error): ProgramEnd {
    const isAtLimit = this.#bounds !== undefined && 'code' in fault && fault.code === 'EAGAIN';
    const message = isAtLimit ? `The agent's process cannot be started: ${this.#bounds?.processesReached}.` : fault.message;
    return { kind: 'not-started', message, isAtLimit };
  }

  /**
   * Returns the message if the session was at its process limit since this program started, so that
   * it can have lacked a thread.
   */
  get lackedProcesses(): string | undefined {
    if (!this.#bounds || this.#bounds.processesRefused <= this.#refusedBefore) return undefined;
    return `The agent's process could not start: ${this.#bounds.processesReached}.`;
  }

  /** Returns the message if the kernel killed the process for memory. Call it once per end. */
  killedForMemory(end: ProgramEnd, agent: string): string | undefined {
    if (end.kind !== 'ended' || end.signal !== 'SIGKILL' || this.#wasKilled || !this.#bounds) return undefined;
    return this.#bounds.memoryKills() > 0 ? `The agent's process was killed: ${this.#bounds.memoryReached(agent)}.` : undefined;
  }

  /** Logs that another process of the session was killed for memory. */
  noteMemoryKills(agent: string): void {
    if (this.#bounds && this.#bounds.memoryKills() > 0)
      this.stderr?.note(`raworc: a process of this session was killed: ${this.#bounds.memoryReached(agent)}`);
  }

  /** Standard output, if it is not logged. */
  get output(): Readable | null {
    return this.child.stdout;
  }

  /**
   * Signals the process, but not its children, to end its work. Returns false if there is no
   * process.
   */
  interrupt(signal: 'SIGINT' | 'SIGTERM'): boolean {
    return this.alive && this.child.kill(signal);
  }

  /** Kills its whole group at once. */
  kill(): void {
    if (this.alive) this.#wasKilled = true;
    this.#killGroup();
  }

  #killGroup(): void {
    if (this.child.pid === undefined || !this.alive) return;
    try {
      process.kill(-this.child.pid, 'SIGKILL');
    } catch {
      // Already gone.
    }
  }
}

/**
 * Spawns a child that the kernel kills for memory before the guest: children inherit the current
 * score.
 */
export function spawnFirst(isContained: boolean, command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  return killedFirst(isContained, () => spawn(command, args, options));
}

/** Starts a child as {@link spawnFirst} does, in another way. */
export function killedFirst<Child>(isContained: boolean, start: () => Child): Child {
  if (!isContained) return start();
  score ??= openSync(SCORE, 'r+');
  const before = scoreText.subarray(0, readSync(score, scoreText, 0, scoreText.byteLength, 0));
  writeSync(score, SCORE_OF_AGENTS, 0);
  try {
    return start();
  } finally {
    writeSync(score, before, 0, before.byteLength, 0);
  }
}

/** Calls `run` after everything that is readable now has been read. */
export function twoTurns(clock: Clock, run: () => void): void {
  clock.soon(() => clock.soon(run));
}

/** Returns the exit code or signal, and the last line on standard error. */
export function describeEnd(end: ProgramEnd, lastLine: string): string {
  if (end.kind === 'not-started') return end.message;
  const how = end.signal === null ? `ended with exit code ${end.code}` : `was killed by ${end.signal}`;
  return `The agent's process ${how}${lastLine === '' ? '.' : `: ${lastLine}`}`;
}
