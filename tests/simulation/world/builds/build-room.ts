import type { Life } from '../life.ts';

/** What builds have on the engine of one machine: it outlives the processes of the node agent. */
export class BuildRoom {
  /** Containers of jobs: the process that started each, and what ends it. */
  readonly jobs = new Map<number, { readonly owner: Life; readonly end: (reason: Error) => void }>();
  /** Its node agent could not remove what failed builds left, and does with its next build. */
  isUntidy = false;
  /** Images without a name, with their labels. */
  readonly unnamed = new Map<string, Readonly<Record<string, string>>>();
  #made = 0;

  next(): number {
    this.#made += 1;
    return this.#made;
  }

  /** The engine ends all its containers, or they are removed. */
  endJobs(reason: Error): void {
    for (const { end } of [...this.jobs.values()]) end(reason);
    this.jobs.clear();
  }
}
