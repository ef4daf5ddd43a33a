import { lstat, mkdir, readdir, readlink, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../../seams/log.ts';
import { messageOf } from '../../../seams/message-of.ts';
import { sync } from '../../../seams/sync.ts';
import type { Command } from '../command.ts';
import { entriesOf, exists } from '../disk-files.ts';

/** Enough time for a large image on a slow disk. */
const UNPACKING_MS = 15 * 60_000;
const MAKING = '.making-';

/** What is directly below the root of an image. */
export type RootEntry =
  | { readonly name: string; readonly kind: 'directory'; readonly mode: number }
  | { readonly name: string; readonly kind: 'link'; readonly target: string };

/** The root of an image, unpacked on this host. Nothing changes it. */
export interface LowerRoot {
  readonly path: string;
  readonly entries: readonly RootEntry[];
}

export interface LowerRootsDeps {
  /** Below the node's data directory. */
  readonly directory: string;
  readonly run: Command;
  readonly log: Log;
  /** Writes the files of an image to a tar file. Resolves to false if there is no such image. */
  exportImage(image: string, file: string): Promise<boolean>;
}

/**
 * The roots of images of workstations, each unpacked once on this host and never changed: what the
 * sessions' own roots are changes to. They are not the engine's, so no clean-up of the engine takes
 * them, and they stay as long as a disk needs them.
 */
export class LowerRoots {
  readonly #deps: LowerRootsDeps;
  readonly #flights = new Map<string, Promise<LowerRoot | undefined>>();

  constructor(deps: LowerRootsDeps) {
    this.#deps = deps;
  }

  /** Returns the root of an image; undefined if it is not unpacked. */
  async find(image: string): Promise<LowerRoot | undefined> {
    const path = this.#at(image);
    return (await exists(path)) ? { path, entries: await entriesIn(path) } : undefined;
  }

  /** Returns the root of an image, unpacked first; undefined if neither the host nor the engine has it. */
  async ensure(image: string): Promise<LowerRoot | undefined> {
    const found = await this.find(image);
    if (found !== undefined) return found;
    const flight = this.#flights.get(image) ?? this.#unpack(image).finally(() => this.#flights.delete(image));
    this.#flights.set(image, flight);
    return flight;
  }

  /** Removes what a crash left half-unpacked, and the roots of images that are not in `needed`. */
  async sweep(needed: ReadonlySet<string>): Promise<void> {
    const { directory, log } = this.#deps;
    const kept = new Set([...needed, ...this.#flights.keys()].map(nameOf));
    for (const name of await entriesOf(directory)) {
      if (kept.has(name) || (name.startsWith(MAKING) && this.#flights.size > 0)) continue;
      await this.#remove(join(directory, name)).catch((error: unknown) =>
        log.warn('root.not_removed', { root: name, error: messageOf(error) }),
      );
    }
  }

  #at(image: string): string {
    return join(this.#deps.directory, nameOf(image));
  }

  async #unpack(image: string): Promise<LowerRoot | undefined> {
    const { directory, run, log, exportImage } = this.#deps;
    const making = join(directory, `${MAKING}${nameOf(image)}`);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await this.#remove(making);
    await mkdir(join(making, 'root'), { recursive: true, mode: 0o755 });
    const file = join(making, 'image.tar');
    if (!(await exportImage(image, file))) {
      await this.#remove(making);
      return undefined;
    }
    // Follows no link that the archive brings, and leaves the directory by no name in it.
    const how = ['--numeric-owner', '--xattrs', '--xattrs-include=*', '--preserve-permissions', '--delay-directory-restore'];
    await run('tar', ['-x', '-f', file, '-C', join(making, 'root'), ...how], { mayTakeMs: UNPACKING_MS });
    await rm(file);
    await run('sync', ['-f', making], { mayTakeMs: UNPACKING_MS });
    await rename(join(making, 'root'), this.#at(image));
    await sync(directory);
    await this.#remove(making);
    log.info('root.unpacked', { image });
    return this.find(image);
  }

  async #remove(path: string): Promise<void> {
    await this.#deps.run('rm', ['-rf', '--one-file-system', '--', path], { mayTakeMs: UNPACKING_MS });
  }
}

/** Tags differ in their last part, which has no slash or colon. */
const nameOf = (image: string): string => image.replace(/[^\w.-]+/g, '-');

async function entriesIn(path: string): Promise<readonly RootEntry[]> {
  const found: RootEntry[] = [];
  for (const name of (await readdir(path)).sort()) {
    const { mode, ...stats } = await lstat(join(path, name)).then((one) => ({
      mode: one.mode & 0o7777,
      isDirectory: one.isDirectory(),
      isLink: one.isSymbolicLink(),
    }));
    if (stats.isDirectory) found.push({ name, kind: 'directory', mode });
    else if (stats.isLink) found.push({ name, kind: 'link', target: await readlink(join(path, name)) });
  }
  return found;
}
