/** Runs each part of a bench as a separate process, so that processor time is measured per part. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';

/** The functions of a process by name. Arguments and results are JSON. */
export type Duties = Readonly<Record<string, (argument: never) => unknown>>;

interface Question {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}
type Answer = { readonly id: number; readonly result: unknown } | { readonly id: number; readonly fault: string };
type Argument<Duty> = Duty extends () => unknown ? undefined : Duty extends (argument: infer A) => unknown ? A : never;
type Result<Duty> = Duty extends (...given: never) => infer R ? Awaited<R> : never;

/** Called in the process itself: answers calls until its parent exits. */
export function serve(duties: Duties): void {
  const known = duties as Readonly<Record<string, (argument: unknown) => unknown>>;
  process.on('disconnect', () => process.exit());
  process.on('message', async ({ id, name, argument }: Question) => {
    let answer: Answer;
    try {
      answer = { id, result: await known[name]?.(argument) };
    } catch (error) {
      answer = { id, fault: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    process.send?.(answer);
  });
}

/** A running process that serves the functions of one file in this folder. */
export class Remote<D extends Duties> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #next = 1;

  constructor(file: string, execArgv: readonly string[] = []) {
    this.#child = fork(join(import.meta.dirname, file), { execArgv: [...execArgv], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (answer: Answer) => {
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    this.#child.on('exit', (code, signal) => {
      for (const [id, settle] of this.#waiting) settle({ id, fault: `${file} exited: ${signal ?? code}` });
      this.#waiting.clear();
    });
  }

  /** Rejects with the error thrown there, or when the process has exited. */
  ask<Name extends keyof D & string>(name: Name, argument: Argument<D[Name]>): Promise<Result<D[Name]>> {
    if (!this.#child.connected) return Promise.reject(new Error(`the process that serves ${name} has exited`));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, (answer) => ('fault' in answer ? reject(new Error(answer.fault)) : resolve(answer.result as Result<D[Name]>)));
      this.#child.send({ id, name, argument } satisfies Question);
    });
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    if (this.#child.connected) this.#child.disconnect();
    await ended;
  }
}
