import { spawn } from 'node:child_process';
import { access, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import { messageOf } from '../../seams/message-of.ts';
import type { Counter, Metrics } from '../../seams/metrics.ts';

/** Pushes wait meanwhile, so this is bounded; what is left is collected the next time. */
const LIMIT_MS = 10 * 60_000;
/** Between two collections, unless the disk is low, and after one that failed. */
const PAUSE_MS = 60 * 60_000;
const URGENT_PAUSE_MS = 5 * 60_000;
/** Exists while manifests were removed whose layers can still be there. */
const MARK = 'garbage';
const MAX_STDERR = 2048;

export interface RegistryGarbageDeps {
  readonly directory: string;
  /** Whether the storage is in the directory, so that its size is known. */
  readonly isLocal: boolean;
  /** Of the program. */
  readonly environment: Record<string, string | undefined>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Returns the program and arguments that collect. */
  command(): readonly [string, ...string[]];
  /** Restarts the registry with or without writes. Resolves once it serves. */
  setReadOnly(isReadOnly: boolean): Promise<void>;
}

/**
 * Frees the space of layers that no manifest needs any more. A push in progress would lose its
 * layers, so the registry is read-only meanwhile.
 */
export class RegistryGarbage {
  readonly #deps: RegistryGarbageDeps;
  readonly #ending = new AbortController();
  readonly #collections: Counter<'outcome'>;
  #work: Promise<void> | undefined;
  #lastMs = Number.NEGATIVE_INFINITY;
  #bytes = 0;

  constructor(deps: RegistryGarbageDeps) {
    this.#deps = deps;
    const { metrics } = deps;
    this.#collections = metrics.counter({
      name: 'registry_collections_total',
      help: 'Collections of layers that no manifest needs, by outcome',
      labels: ['outcome'],
    });
    metrics.gauge({
      name: 'registry_bytes',
      help: 'Layers in the storage of the own registry, as of the last look',
      read: () => this.#bytes,
    });
  }

  /** A manifest was removed: remembered across restarts. */
  async marked(): Promise<void> {
    await writeFile(join(this.#deps.directory, MARK), '');
  }

  /** Begins a collection if there is something to collect and the last one was a while ago. */
  collect(isUrgent: boolean): void {
    const { clock, log } = this.#deps;
    const sinceMs = clock.monotonic() - this.#lastMs;
    if (this.#work !== undefined || this.#ending.signal.aborted || sinceMs < (isUrgent ? URGENT_PAUSE_MS : PAUSE_MS)) return;
    this.#lastMs = clock.monotonic();
    this.#work = this.#collect()
      .catch((error: unknown) => {
        this.#collections.add(1, { outcome: 'failed' });
        if (!this.#ending.signal.aborted) log.warn('registry.not_collected', { error: messageOf(error) });
      })
      .finally(() => {
        this.#work = undefined;
      });
  }

  /** Resolves when nothing is in progress. */
  async idle(): Promise<void> {
    await this.#work;
  }

  async close(): Promise<void> {
    this.#ending.abort(new Error('the controller is shutting down'));
    await this.#work;
  }

  async #collect(): Promise<void> {
    const { directory, clock, log, setReadOnly } = this.#deps;
    const mark = join(directory, MARK);
    const before = await this.#size();
    this.#bytes = before;
    const isMarked = await access(mark).then(
      () => true,
      () => false,
    );
    if (!isMarked) return;
    const beganMs = clock.monotonic();
    await setReadOnly(true);
    try {
      await this.#run();
      await rm(mark, { force: true });
    } finally {
      if (!this.#ending.signal.aborted) await setReadOnly(false);
    }
    this.#bytes = await this.#size();
    this.#collections.add(1, { outcome: 'ok' });
    log.info('registry.collected', { freed_bytes: before - this.#bytes, took_ms: Math.round(clock.monotonic() - beganMs) });
  }

  /** 0 in a bucket: counting would list all of it. */
  #size(): Promise<number> {
    return this.#deps.isLocal ? bytesIn(this.#deps.directory) : Promise.resolve(0);
  }

  #run(): Promise<void> {
    const { clock, directory, command, environment } = this.#deps;
    const [program, ...rest] = command();
    return new Promise((resolve, reject) => {
      const child = spawn(program, rest, {
        ...{ cwd: directory, stdio: ['ignore', 'ignore', 'pipe'], env: environment },
        ...{ signal: this.#ending.signal, killSignal: 'SIGKILL' },
      });
      let printed = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        printed = (printed + text).slice(-MAX_STDERR);
      });
      const late = clock.after(LIMIT_MS, () => child.kill('SIGKILL'));
      child.once('error', reject);
      child.once('close', (code, signal) => {
        late.cancel();
        if (code === 0) resolve();
        else reject(new Error(`${signal ?? `exit code ${code}`}: ${printed.trim().split('\n').at(-1) ?? ''}`));
      });
    });
  }
}

/** Returns the bytes of all layers and manifests. */
async function bytesIn(directory: string): Promise<number> {
  const blobs = join(directory, 'storage', 'docker', 'registry', 'v2', 'blobs', 'sha256');
  let bytes = 0;
  for (const first of await namesIn(blobs))
    for (const digest of await namesIn(join(blobs, first))) {
      const found = await stat(join(blobs, first, digest, 'data')).catch(() => undefined);
      bytes += found?.size ?? 0;
    }
  return bytes;
}

/** Empty if there is no such directory: nothing was pushed yet, or it is being removed. */
const namesIn = (directory: string): Promise<readonly string[]> => readdir(directory).catch(() => []);
