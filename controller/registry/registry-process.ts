import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { type FileHandle, mkdir, open, rm, writeFile } from 'node:fs/promises';
import type { ClientRequest, IncomingHttpHeaders } from 'node:http';
import { delimiter, join } from 'node:path';
import type { Clock, Timer } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { Metrics } from '../../seams/metrics.ts';
import { type IsKept, removeManifest } from './manifest-removal.ts';
import { lacks } from './missing-parts.ts';
import { registryConfig, registryEnvironment, type S3Storage, SOCKET } from './registry-config.ts';
import { RegistryGarbage } from './registry-garbage.ts';
import { removeDamaged } from './registry-repair.ts';
import { socketRequest, type Upstream } from './upstream.ts';

/** Delay before a restart, doubled with each one until the registry has run for a minute. */
const RESTART = { firstMs: 250, maxMs: 30_000, stableMs: 60_000 } as const;
/** How often a starting and a running registry are asked whether they serve, and how long an answer can take. */
const PROBE = { startingMs: 100, runningMs: 5_000, answerMs: 20_000 } as const;
/** Comparing an image reads all of it, and most pulls fail for other reasons. */
const EXAMINE_EVERY_MS = 10 * 60_000;
const MAX_EXAMINED = 1_000;
const END_WITHIN_MS = 5_000;
/** One that answers no check for so long hangs, or its socket was removed. */
const HANGS_AFTER_MS = 60_000;
/** Longer paths of Unix sockets are cut off by the system. */
const MAX_SOCKET_PATH = 100;
const MAX_STDERR = 2048;

export interface RegistryProcessDeps {
  /** Path of the program. */
  readonly program: string;
  /** Configuration, socket and storage of the registry; only its owner can enter it. */
  readonly directory: string;
  /** Undefined: its storage is in the directory. */
  readonly s3?: S3Storage | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Called when the registry begins or ceases to serve. */
  changed(isUp: boolean): void;
}

/** Returns the path of a program in the PATH, or undefined. */
export function findProgram(name: string, path = process.env.PATH ?? ''): string | undefined {
  const places = name.includes('/') ? [name] : path.split(delimiter).map((place) => join(place, name));
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * A registry as a child process, restarted with back-off whenever it ends. It listens on a Unix
 * socket in a private directory instead of a port, so that nothing else on the host reaches it and
 * no password exists. It ends with this process, even if this process is killed.
 */
export class RegistryProcess implements Upstream {
  readonly #deps: RegistryProcessDeps;
  #place: FileHandle | undefined;
  #socketPath = '';
  #child: ChildProcess | undefined;
  #timer: Timer | undefined;
  #probing: ClientRequest | undefined;
  #isUp = false;
  #isClosed = false;
  #restarts = 0;
  #startedAtMs = 0;
  /** When it last answered a check, or started. */
  #answeredAtMs = 0;
  readonly #garbage: RegistryGarbage;
  readonly #environment: Record<string, string | undefined>;
  #isReadOnly = false;
  /** When the parts of an image were last compared with their digests. */
  readonly #examined = new Map<string, number>();
  /** Set while it is restarted on purpose. */
  #restarted: { resolve(): void; isEnding: boolean } | undefined;

  constructor(deps: RegistryProcessDeps) {
    this.#deps = deps;
    const command = () => this.#command('garbage-collect');
    this.#environment = registryEnvironment(deps.s3, process.env);
    const storage = { environment: this.#environment, isLocal: deps.s3 === undefined };
    this.#garbage = new RegistryGarbage({ ...deps, ...storage, command, setReadOnly: (isReadOnly) => this.#restart(isReadOnly) });
  }

  /** Whether pushes have to wait. */
  get isReadOnly(): boolean {
    return this.#isReadOnly;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  async start(): Promise<void> {
    const { directory } = this.#deps;
    if (this.#deps.s3 === undefined) await mkdir(join(directory, 'storage'), { recursive: true, mode: 0o700 });
    await this.#configure(false);
    await rm(join(directory, SOCKET), { force: true });
    this.#place = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    const path = join(directory, SOCKET);
    this.#socketPath = path.length <= MAX_SOCKET_PATH ? path : `/proc/self/fd/${this.#place.fd}/${SOCKET}`;
    this.#begin();
  }

  request(method: string, path: string, headers: IncomingHttpHeaders): ClientRequest {
    return socketRequest(this.#socketPath, method, path, headers);
  }

  /** Its locations are paths. */
  located(location: string): string {
    return location;
  }

  removeManifest(repository: string, digest: string, isKept?: IsKept): Promise<'removed' | 'refused'> {
    return this.#garbage.marked().then(() => removeManifest(this, repository, digest, isKept));
  }

  lacks(repository: string, digest: string): Promise<boolean> {
    return lacks(this, repository, digest);
  }

  /**
   * Looks for damage after a failed pull, at most once in a while for each image. Returns whether the
   * image has to be pushed again.
   */
  async repair(digest: string): Promise<boolean> {
    const { clock, directory, log, s3 } = this.#deps;
    // A bucket verifies what it stores; reading all of it from here would cost more than a push.
    if (s3 !== undefined) return false;
    const lastMs = this.#examined.get(digest) ?? Number.NEGATIVE_INFINITY;
    if (clock.monotonic() - lastMs < EXAMINE_EVERY_MS) return false;
    if (this.#examined.size >= MAX_EXAMINED) this.#examined.clear();
    this.#examined.set(digest, clock.monotonic());
    const isDamaged = await removeDamaged(directory, digest);
    if (isDamaged) log.warn('registry.damaged', { digest });
    return isDamaged;
  }

  /** Frees the space of removed images, if that is due. */
  collect(isUrgent: boolean): void {
    if (this.#isUp) this.#garbage.collect(isUrgent);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#restarted?.resolve();
    await this.#garbage.close();
    this.#timer?.cancel();
    this.#probing?.destroy();
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill('SIGTERM');
      const killed = this.#deps.clock.after(END_WITHIN_MS, () => child.kill('SIGKILL'));
      await ended;
      killed.cancel();
    }
    await this.#place?.close();
  }

  /** It ends with this process, and leaves the processor to it, since messages cannot wait for layers. */
  #command(verb: 'serve' | 'garbage-collect'): readonly [string, ...string[]] {
    const { program, directory } = this.#deps;
    const rest = [verb, join(directory, 'config.yml')];
    const [setpriv, chrt] = [findProgram('setpriv'), findProgram('chrt')];
    const idle = chrt === undefined ? [] : [chrt, '--idle', '0'];
    const [first = program, ...others] = [
      ...idle,
      ...(setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'TERM', '--']),
      program,
      ...rest,
    ];
    return [first, ...others];
  }

  async #configure(isReadOnly: boolean): Promise<void> {
    const { directory } = this.#deps;
    await writeFile(join(directory, 'config.yml'), registryConfig(directory, this.#deps.s3, isReadOnly), { mode: 0o600 });
  }

  async #restart(isReadOnly: boolean): Promise<void> {
    await this.#configure(isReadOnly);
    if (this.#isClosed) return;
    this.#timer?.cancel();
    this.#probing?.destroy();
    this.#probing = undefined;
    this.#serves(false);
    this.#isReadOnly = isReadOnly;
    await new Promise<void>((resolve) => {
      this.#restarted = { resolve, isEnding: true };
      // If it just ended by itself.
      if (this.#child?.kill('SIGTERM') !== true) this.#timer = this.#deps.clock.after(RESTART.firstMs, () => this.#begin());
    });
    this.#restarted = undefined;
  }

  #begin(): void {
    const { directory, clock } = this.#deps;
    this.#startedAtMs = clock.monotonic();
    this.#answeredAtMs = this.#startedAtMs;
    const [first, ...rest] = this.#command('serve');
    const child = spawn(first, rest, { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'], env: this.#environment });
    this.#child = child;
    let printed = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      printed = (printed + text).slice(-MAX_STDERR);
    });
    child.once('error', (error) => this.#ended(child, error.message));
    child.once('exit', (code, signal) => this.#ended(child, `${signal ?? `exit code ${code}`}: ${lastLine(printed)}`));
    this.#probeIn(PROBE.startingMs);
  }

  #ended(child: ChildProcess, reason: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#probing?.destroy();
    this.#serves(false);
    if (this.#isClosed) return;
    if (this.#restarted?.isEnding === true) {
      this.#restarted.isEnding = false;
      return this.#begin();
    }
    const { clock, log } = this.#deps;
    if (clock.monotonic() - this.#startedAtMs > RESTART.stableMs) this.#restarts = 0;
    const delayMs = Math.min(RESTART.maxMs, RESTART.firstMs * 2 ** this.#restarts);
    this.#restarts += 1;
    log.error('registry.ended', { reason, restart_ms: delayMs });
    this.#timer?.cancel();
    this.#timer = clock.after(delayMs, () => this.#begin());
  }

  #probeIn(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#deps.clock.after(delayMs, () => this.#probe());
  }

  #probe(): void {
    const asked = this.request('GET', '/v2/', {});
    this.#probing = asked;
    const late = this.#deps.clock.after(PROBE.answerMs, () => asked.destroy(new Error('the registry gives no answer')));
    const answered = (serves: boolean) => {
      late.cancel();
      if (this.#isClosed || this.#probing !== asked || this.#child === undefined) return;
      this.#probing = undefined;
      this.#serves(serves);
      this.#watch(serves, this.#child);
      this.#probeIn(serves ? PROBE.runningMs : PROBE.startingMs);
    };
    asked.on('error', () => answered(false));
    asked.on('response', (answer) => {
      answer.resume();
      answered(answer.statusCode === 200);
    });
    asked.end();
  }

  /** Ends one that hangs; {@link #ended} starts it again. */
  #watch(serves: boolean, child: ChildProcess): void {
    const { clock, log } = this.#deps;
    if (serves) this.#answeredAtMs = clock.monotonic();
    else if (clock.monotonic() - this.#answeredAtMs > HANGS_AFTER_MS) {
      log.error('registry.unreachable', { effect: `it is restarted: it answered nothing for ${HANGS_AFTER_MS / 1000} s` });
      this.#answeredAtMs = clock.monotonic();
      child.kill('SIGKILL');
    }
  }

  #serves(isUp: boolean): void {
    if (this.#isUp === isUp) return;
    this.#isUp = isUp;
    if (isUp && this.#restarted === undefined) this.#deps.log.info('registry.ready', {});
    if (isUp) this.#restarted?.resolve();
    this.#deps.changed(isUp);
  }
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';
