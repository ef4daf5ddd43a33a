import { createHash } from 'node:crypto';
import type { Log, LogFields } from '../../../seams/log.ts';
import type { SimulatedTime } from './clock.ts';

const KEPT = 4000;

/**
 * All events, line by line: a hash, to prove that a seed repeats a run, and the last lines, to find
 * a cause.
 */
export class Trace {
  readonly #time: SimulatedTime;
  /** The store's directory. Its name is in errors and differs in each run. */
  readonly #directory: string;
  readonly #hash = createHash('sha1');
  readonly #print: ((line: string) => void) | undefined;
  #lines: string[] = [];

  constructor(time: SimulatedTime, directory: string, print: ((line: string) => void) | undefined) {
    this.#time = time;
    this.#directory = directory;
    this.#print = print;
  }

  note(actor: string, what: string): void {
    const line = `${this.#time.now.toFixed(3).padStart(12)} ${actor.padEnd(14)} ${what.replaceAll(this.#directory, '')}`;
    this.#hash.update(line);
    this.#print?.(line);
    this.#lines.push(line);
    if (this.#lines.length > 2 * KEPT) this.#lines = this.#lines.slice(-KEPT);
  }

  /** Returns the newest lines, or those with one of the words. */
  last(count: number, words: readonly string[] = []): readonly string[] {
    const lines = words.length === 0 ? this.#lines : this.#lines.filter((line) => words.some((word) => line.includes(word)));
    return lines.slice(-count);
  }

  digest(): string {
    return this.#hash.copy().digest('hex').slice(0, 16);
  }

  log(actor: string, hear: (event: string, fields: LogFields) => void = () => undefined): Log {
    const write = (event: string, fields: LogFields | undefined) => {
      hear(event, fields ?? {});
      this.note(actor, fields === undefined ? event : `${event} ${JSON.stringify(fields)}`);
    };
    return { debug: () => undefined, info: write, warn: write, error: write };
  }
}
