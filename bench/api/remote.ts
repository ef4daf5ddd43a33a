/** A process of its own for each part of a bench, so that no part takes another's processor time unseen. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';

/** What a process does when asked, by name. Arguments and results are JSON. */
export type Duties = Readonly<Record<string, (argument: never) => unknown>>;

interface Question {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}
type Answer = { readonly id: number; readonly result: unknown } | { readonly id: number; readonly fault: string };
type Argument<Duty> = Duty extends () => unknown ? undefined : Duty extends (argument: infer A) => unknown ? A : never;
type Result<Duty> = Duty extends (...given: never) => infer R ? Awaited<R> : never;

/** In the process itself: answers until the one that started it is gone. */
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

/** A running process with the duties of one file of this folder. */
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
      for (const [id, settle] of this.#waiting) settle({ id, fault: `${file} has ended: ${signal ?? code}` });
      this.#waiting.clear();
    });
  }

  /** Rejects with what was thrown there, and when the process has ended or ends meanwhile. */
  ask<Name extends keyof D & string>(name: Name, argument: Argument<D[Name]>): Promise<Result<D[Name]>> {
    if (!this.#child.connected) return Promise.reject(new Error(`nobody is there to be asked for ${name}`));
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
