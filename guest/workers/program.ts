import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Clock } from '../../seams/clock.ts';
import { Printed } from '../logs/printed.ts';
import type { Bounds } from './bounds.ts';
import type { Groups } from './groups.ts';
import type { User } from './user.ts';

export interface ProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly directory: string;
  readonly environment: Record<string, string>;
  /** Undefined: whoever this process is, outside a container. */
  readonly user: User | undefined;
  readonly clock: Clock;
  /** Called before the process is started; what it throws is why it is not. */
  readonly prepare?: () => void;
  /** In a container: what its limits do to its processes is told apart. */
  readonly bounds?: Bounds | undefined;
  /** In a container: what it starts is known by its group, and ends with it. */
  readonly groups?: Groups | undefined;
}

/** How long a run that is interrupted gets to close what it opened. */
export const INTERRUPTION_MS = 1000;
/** The kernel kills agents for memory before it kills this process. */
const SCORE = '/proc/self/oom_score_adj';
const SCORE_OF_AGENTS = '500';

export type ProgramEnd =
  | { readonly kind: 'not-started'; readonly message: string }
  | { readonly kind: 'ended'; readonly code: number | null; readonly signal: string | null };

/**
 * An agent's process: another user without any capability, in a process group and, in a container, a group of its own, so that all that it starts can
 * be found and killed.
 * Its standard input is empty unless written to; file descriptor 3 is a socket to this process.
 */
export class Program {
  readonly child: ChildProcess;
  /** Of its processes. Undefined outside a container. */
  readonly group: number | undefined;
  readonly stdout: Printed | undefined;
  readonly stderr: Printed | undefined;
  /** Once it is gone, all that it started killed, and what it printed read. */
  readonly ended: Promise<ProgramEnd>;
  alive = true;
  readonly #bounds: Bounds | undefined;
  #wasKilled = false;

  constructor(options: ProgramOptions, keepStdout = true) {
    const { command, args, directory, environment, user, clock, groups } = options;
    this.#bounds = options.bounds;
    options.prepare?.();
    this.group = groups?.take();
    if (groups !== undefined && this.group === undefined) throw new Error('all groups are in use');
    this.child = spawnFirst(this.#bounds !== undefined, command, args, {
      ...{ cwd: directory, env: environment, detached: true, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] },
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
        // Its number may be another's from now on.
        this.alive = false;
        // What it wrote before it went is in the pipes already; who else holds them may hold them for ever.
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
    return { kind: 'not-started', message };
  }

  /** What to say of an end by the kernel's hand, where that was for memory. Asked once, for each end. */
  killedForMemory(end: ProgramEnd, agent: string): string | undefined {
    if (end.kind !== 'ended' || end.signal !== 'SIGKILL' || this.#wasKilled || !this.#bounds) return undefined;
    return this.#bounds.memoryKills() > 0 ? `The agent's process was killed: ${this.#bounds.memoryReached(agent)}.` : undefined;
  }

  /** Says in the log that a process of the session was killed for memory, though this one goes on or ended otherwise. */
  noteMemoryKills(agent: string): void {
    if (this.#bounds && this.#bounds.memoryKills() > 0)
      this.stderr?.note(`raworc: a process of this session was killed: ${this.#bounds.memoryReached(agent)}`);
  }

  /** The raw stream, where it was not taken to be logged. */
  get output(): Readable | null {
    return this.child.stdout;
  }

  /** Asks it to end what it does: the process itself, not what it started. False where there is none to ask. */
  interrupt(signal: 'SIGINT' | 'SIGTERM'): boolean {
    return this.alive && this.child.kill(signal);
  }

  /** Its whole group, at once. */
  kill(): void {
    if (this.alive) this.#wasKilled = true;
    this.#killGroup();
  }

  #killGroup(): void {
    if (this.child.pid === undefined || !this.alive) return;
    try {
      process.kill(-this.child.pid, 'SIGKILL');
    } catch {
      // Gone already.
    }
  }
}

/** A child inherits the score of the moment. Where it cannot be set all are as before. */
function spawnFirst(isContained: boolean, command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const before = isContained ? readFileSync(SCORE, 'utf8') : undefined;
  if (before !== undefined) writeFileSync(SCORE, SCORE_OF_AGENTS);
  try {
    return spawn(command, args, options);
  } finally {
    if (before !== undefined) writeFileSync(SCORE, before);
  }
}

/** After all that was readable when it was called has been read. */
export function twoTurns(clock: Clock, run: () => void): void {
  clock.soon(() => clock.soon(run));
}

/** "ended with exit code 3", or by which signal, and the last that it said on standard error. */
export function describeEnd(end: ProgramEnd, lastLine: string): string {
  if (end.kind === 'not-started') return end.message;
  const how = end.signal === null ? `ended with exit code ${end.code}` : `was ended by ${end.signal}`;
  return `The agent's process ${how}${lastLine === '' ? '.' : `: ${lastLine}`}`;
}
