import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Timer } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { Random } from '../../seams/random.ts';
import type { Command } from './command.ts';
import { imageOf, makeDirectory, placeOf, readyName } from './disk-files.ts';
import { makeImage, mountImage } from './image.ts';

/** Enough for sessions created one by one. In a burst, sessions wait for a new image. */
const KEPT = 2;
/** Delay, so that the session that is being created does not compete for the machine. */
const AFTER_MS = 3_000;

export interface PreparedDeps {
  readonly directory: string;
  readonly run: Command;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Empty file systems, created and mounted ahead of time, of the last requested size. A sweep clears
 * those of an earlier process.
 */
export class PreparedImages {
  readonly #deps: PreparedDeps;
  readonly #ready: { readonly id: string; readonly bytes: number }[] = [];
  readonly #making = new Set<string>();
  #bytes: number;
  #timer: Timer | undefined;
  #filling: Promise<void> | undefined;

  constructor(deps: PreparedDeps, bytes: number) {
    this.#deps = deps;
    this.#bytes = bytes;
  }

  /** Returns one of that size, or undefined. Replacements are created later. */
  take(bytes: number): { readonly id: string; readonly directory: string } | undefined {
    this.#bytes = bytes;
    const at = this.#ready.findIndex((one) => one.bytes === bytes);
    const [taken] = at < 0 ? [] : this.#ready.splice(at, 1);
    this.#timer?.cancel();
    this.#timer = this.#deps.clock.after(AFTER_MS, () => {
      this.fill().catch((error: unknown) => this.#deps.log.warn('disks.not-prepared', { error: String(error) }));
    });
    return taken && { id: taken.id, directory: this.#at(taken.id) };
  }

  /** Returns whether a sweep must leave it alone. */
  has(id: string): boolean {
    return this.#making.has(id) || this.#ready.some((one) => one.id === id);
  }

  /** Resolves when enough are ready. The next sweep removes those of another size. */
  fill(): Promise<void> {
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = undefined;
    });
    return this.#filling;
  }

  close(): void {
    this.#timer?.cancel();
  }

  async #fill(): Promise<void> {
    const { directory, run, random } = this.#deps;
    const bytes = this.#bytes;
    const fitting = this.#ready.filter((one) => one.bytes === bytes);
    this.#ready.splice(0, this.#ready.length, ...fitting);
    await makeDirectory(directory);
    while (this.#ready.length < KEPT) {
      const id = random.uuid();
      this.#making.add(id);
      try {
        await mkdir(placeOf(this.#at(id)), { recursive: true, mode: 0o700 });
        await makeImage(run, imageOf(this.#at(id)), id, bytes);
        await mountImage(run, imageOf(this.#at(id)), placeOf(this.#at(id)));
        this.#ready.push({ id, bytes });
      } finally {
        this.#making.delete(id);
      }
    }
  }

  #at(id: string): string {
    return join(this.#deps.directory, readyName(id));
  }
}
