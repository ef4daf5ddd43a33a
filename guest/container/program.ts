import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Clock } from '../../seams/clock.ts';
import { Printed } from './printed.ts';

export interface User {
  readonly uid: number;
  readonly gid: number;
}

export interface ProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly directory: string;
  readonly environment: Record<string, string>;
  /** Undefined: whoever this process is, outside a container. */
  readonly user: User | undefined;
  readonly clock: Clock;
}

/** How long a run that is interrupted gets to close what it opened. */
export const INTERRUPTION_MS = 1000;

export type ProgramEnd =
  | { readonly kind: 'not-started'; readonly message: string }
  | { readonly kind: 'ended'; readonly code: number | null; readonly signal: string | null };

/**
 * An agent's process: another user without any capability, in a process group of its own, so that all of the group can be killed.
 * Its standard input is empty unless written to; file descriptor 3 is a socket to this process.
 */
export class Program {
  readonly child: ChildProcess;
  readonly stdout: Printed | undefined;
  readonly stderr: Printed | undefined;
  /** Once it is gone, its group killed, and what it printed read. */
  readonly ended: Promise<ProgramEnd>;
  alive = true;

  constructor(options: ProgramOptions, keepStdout = true) {
    const { command, args, directory, environment, user, clock } = options;
    this.child = spawn(command, args, {
      ...{ cwd: directory, env: environment, detached: true, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] },
      ...(user ?? {}),
    });
    const { stdin, stdout, stderr } = this.child;
    stdin?.on('error', () => undefined);
    this.stdout = stdout && keepStdout ? new Printed(stdout, 'STDOUT') : undefined;
    this.stderr = stderr ? new Printed(stderr, 'STDERR') : undefined;
    this.ended = new Promise((resolve) => {
      const finish = (end: ProgramEnd) => {
        this.kill();
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
        if (this.child.pid === undefined) finish({ kind: 'not-started', message: fault.message });
      });
      this.child.once('exit', (code, signal) => finish({ kind: 'ended', code, signal }));
    });
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
    if (this.child.pid === undefined || !this.alive) return;
    try {
      process.kill(-this.child.pid, 'SIGKILL');
    } catch {
      // Gone already.
    }
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
