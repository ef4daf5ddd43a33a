import type { Operation } from '../contract/document.ts';
import { reasonOutOfReach } from './out-of-reach.ts';

/** Which of the documented answers came. */
export class Reached {
  readonly #operations: readonly Operation[];
  readonly #counts = new Map<string, number>();

  constructor(operations: readonly Operation[]) {
    this.#operations = operations;
  }

  add({ name }: Operation, status: number): void {
    const key = `${name} ${status}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  has({ name }: Operation, status: number): boolean {
    return this.#counts.has(`${name} ${status}`);
  }

  /** Operations with an answer that a client can cause and that has not come yet. */
  unfinished(): readonly Operation[] {
    return this.#operations.filter((one) => this.#missing(one).length > 0);
  }

  /** "POST /sessions: 409 503", of each operation with an answer that should have come. */
  missing(): readonly string[] {
    return this.unfinished().map((one) => `${one.name}: ${this.#missing(one).join(' ')}`);
  }

  /** What was listed as out of reach, and came. */
  listedInVain(): readonly string[] {
    return this.#operations.flatMap((one) =>
      [...one.answers.keys()]
        .filter((status) => this.has(one, status) && reasonOutOfReach(one, status)?.isCertain === true)
        .map((status) => `${one.name}: ${status}`),
    );
  }

  /** How many of how many answers came. */
  get tally(): string {
    const all = this.#operations.flatMap((one) => [...one.answers.keys()].map((status) => [one, status] as const));
    return `${all.filter(([one, status]) => this.has(one, status)).length} of ${all.length}`;
  }

  #missing(operation: Operation): readonly number[] {
    return [...operation.answers.keys()].filter(
      (status) => !this.has(operation, status) && reasonOutOfReach(operation, status) === undefined,
    );
  }
}
