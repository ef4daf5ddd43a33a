import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { finished, pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type Docker from 'dockerode';
import type { Clock, Timer } from '../../../../seams/clock.ts';
import type { FreeSpace } from '../../../../seams/free-space.ts';
import type { Log } from '../../../../seams/log.ts';
import { messageOf } from '../../../../seams/message-of.ts';
import { abortable, unless } from '../client.ts';

export interface BaseImage {
  readonly tag: string;
  /** `sha256:…` */
  readonly id: string;
  readonly createdAtS: number;
}

export interface BaseImagesDeps {
  /** For calls that can take minutes. */
  readonly docker: Docker;
  readonly directory: string;
  readonly freeSpace: FreeSpace;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Copies of the newest images. After an upgrade, sessions of the previous one still need theirs.
 */
const MAX_KEPT = 2;
/** A new image is copied once the node has settled, not while it starts its first sessions. */
const SETTLED_MS = 60_000;
const AGAIN_MS = 5 * 60_000;
/** Space that a copy must leave free on the disk. */
const FREE_BYTES = 4 * 2 ** 30;
const ENDING = '.tar.gz';
const INCOMING = '.incoming-';

const fileOf = ({ tag, id }: Pick<BaseImage, 'tag' | 'id'>) => `${encodeURIComponent(tag)}@${id.replace('sha256:', '')}${ENDING}`;

function imageOf(name: string): Pick<BaseImage, 'tag' | 'id'> | undefined {
  const [, tag, hex] = /^([^@]+)@([0-9a-f]{64})\.tar\.gz$/.exec(name) ?? [];
  return tag === undefined ? undefined : { tag: decodeURIComponent(tag), id: `sha256:${hex}` };
}

/**
 * Keeps copies of the node's base images in its data directory and loads missing ones. `docker
 * system prune -af` removes every image without a container; without its base image, no session
 * starts and no build can be repeated.
 */
export class DockerBaseImages {
  readonly #deps: BaseImagesDeps;
  readonly #ending = new AbortController();
  /** By tag, so that a build and the background share one load. */
  readonly #loading = new Map<string, Promise<void>>();
  #work: Promise<void> | undefined;
  #settled: Timer | undefined;
  #isSettled = false;
  #notBeforeMs = 0;

  constructor(deps: BaseImagesDeps) {
    this.#deps = deps;
    this.#settled = deps.clock.after(SETTLED_MS, () => {
      this.#isSettled = true;
    });
  }

  /**
   * Compares with the engine's images, and copies or loads in the background. The engine's events
   * report what it loaded.
   */
  look(images: readonly BaseImage[]): void {
    const { clock, log } = this.#deps;
    if (this.#work !== undefined || this.#ending.signal.aborted || clock.monotonic() < this.#notBeforeMs) return;
    this.#work = this.#putRight(images)
      .catch((error: unknown) => {
        this.#notBeforeMs = clock.monotonic() + AGAIN_MS;
        if (!this.#ending.signal.aborted) log.warn('base_image.failed', { error: messageOf(error) });
      })
      .finally(() => {
        this.#work = undefined;
      });
  }

  /**
   * Loads the copy of a missing image, or waits until the background has loaded it. Returns whether
   * the image is there afterwards. Throws soon after the signal aborts; the load then continues.
   */
  async restore(tag: string, signal: AbortSignal): Promise<boolean> {
    const name = (await this.#copies()).find((one) => imageOf(one)?.tag === tag);
    if (name === undefined) return false;
    await abortable(signal, this.#load(name, tag));
    // The engine reports a copy that it could not read only in its output.
    return abortable(signal, this.#isThere(tag));
  }

  /** Returns whether there is a copy of an image: if it were removed, it would be loaded again. */
  async has(tag: string): Promise<boolean> {
    return (await this.#copies()).some((name) => imageOf(name)?.tag === tag);
  }

  /** Resolves when nothing is in progress. */
  async idle(): Promise<void> {
    await this.#work;
  }

  close(): void {
    this.#ending.abort(new Error('the node agent is shutting down'));
    this.#settled?.cancel();
  }

  async #putRight(images: readonly BaseImage[]): Promise<void> {
    const { directory } = this.#deps;
    const names = await this.#copies();
    for (const name of names) if (name.startsWith(INCOMING)) await rm(join(directory, name), { force: true });
    const there = new Set(images.map(({ tag }) => tag));
    for (const name of names) {
      const kept = imageOf(name);
      if (kept !== undefined && !there.has(kept.tag)) await this.#load(name, kept.tag);
    }
    if (!this.#isSettled) return;
    const newest = [...images].sort((a, b) => b.createdAtS - a.createdAtS).slice(0, MAX_KEPT);
    for (const image of newest) if (!names.includes(fileOf(image))) await this.#save(image);
    const wanted = new Set(newest.map(fileOf));
    // A missing image is being loaded from its copy; the next check decides.
    for (const name of names) {
      const kept = imageOf(name);
      if (kept !== undefined && there.has(kept.tag) && !wanted.has(name)) await rm(join(directory, name), { force: true });
    }
  }

  async #copies(): Promise<string[]> {
    const { directory } = this.#deps;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return readdir(directory);
  }

  async #isThere(tag: string): Promise<boolean> {
    const inspected = abortable(this.#ending.signal, this.#deps.docker.getImage(tag).inspect());
    return (await unless([404], inspected)) !== undefined;
  }

  #load(name: string, tag: string): Promise<void> {
    const loading = this.#loading.get(tag) ?? this.#loadFile(name, tag).finally(() => this.#loading.delete(tag));
    this.#loading.set(tag, loading);
    return loading;
  }

  async #loadFile(name: string, tag: string): Promise<void> {
    const { docker, directory, log } = this.#deps;
    // A listing can be older than the last load.
    if (await this.#isThere(tag)) return;
    log.warn('base_image.lost', { image: tag });
    const file = createReadStream(join(directory, name), { signal: this.#ending.signal });
    const answer = await docker.loadImage(file, { quiet: '1' });
    answer.resume();
    await finished(answer, { signal: this.#ending.signal });
    log.info('base_image.loaded', { image: tag });
  }

  async #save(image: BaseImage): Promise<void> {
    const { docker, directory, freeSpace, log } = this.#deps;
    if ((await freeSpace(directory)).freeBytes < FREE_BYTES) {
      log.warn('base_image.not_kept', { image: image.tag, reason: `less than ${FREE_BYTES / 2 ** 30} GiB are free` });
      return;
    }
    const incoming = join(directory, `${INCOMING}${fileOf(image)}`);
    const packed = await docker.getImage(image.tag).get();
    await pipeline(packed, createGzip({ level: 1 }), createWriteStream(incoming, { mode: 0o600 }), { signal: this.#ending.signal });
    const file = await open(incoming);
    await file.sync().finally(() => file.close());
    await rename(incoming, join(directory, fileOf(image)));
    log.info('base_image.kept', { image: image.tag });
  }
}
