import type { Clock, Timer } from '../../seams/clock.ts';
import type { FreeSpace } from '../../seams/free-space.ts';
import type { Log } from '../../seams/log.ts';
import { messageOf } from '../../seams/message-of.ts';
import { type Metrics, silentMetrics } from '../../seams/metrics.ts';
import { type Counted, type DiskLeft, isCountDue, isFull } from '../domain/disk-use.ts';

const LOOK_EVERY_MS = 5_000;
/** A disk that is filled and cleared repeatedly is reported at most this often. */
const FULL_TOLD_EVERY_MS = 60_000;

const MAKES_ROOM_MS = 600_000;
const SLACK_BYTES = 16 * 2 ** 20;
const SLACK_FILES = 1000;

interface Allowed {
  readonly left: DiskLeft;
  readonly untilMs: number;
}

/** It was within its limit once, so it must not exceed it again. */
const IN_ORDER: Allowed = { left: { bytes: 0, files: 0 }, untilMs: 0 };

export interface WatchedDisk {
  readonly session: string;
  /** The file system or a quota enforces its limit. */
  readonly isBounded: boolean;
  readonly bytes: number;
  /** Its session was stopped for exceeding the limit and still exceeds it. */
  readonly wasStopped: boolean;
}

export interface DiskWatchDeps {
  /** Returns the disks of sessions whose containers run. */
  readonly running: () => Promise<readonly WatchedDisk[]>;
  /** Returns what a disk has left. Expensive for a measured one. */
  readonly left: (disk: WatchedDisk) => Promise<DiskLeft>;
  /** Returns the free bytes of the file system with the disks. */
  readonly directory: string;
  readonly freeSpace: FreeSpace;
  /** The disk became full, or has room again. */
  readonly changed: (disk: WatchedDisk, full: boolean) => void;
  /** The disk exceeds its limit, and only stopping the session helps. */
  readonly exceeded: (disk: WatchedDisk, usedBytes: number) => void;
  /** A stopped session's disk is within its limit again. */
  readonly inOrder: (disk: WatchedDisk) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: Metrics;
}

/**
 * Watches the disks of running sessions: reports once when one is full, when it has room again, and
 * when its session must stop.
 */
export class DiskWatch {
  readonly #deps: DiskWatchDeps;
  readonly #full = new Set<string>();
  /** When each full disk was last reported. */
  readonly #fullToldMs = new Map<string, number>();
  readonly #counted = new Map<string, Counted>();
  /** For disks that started beyond their limit: how much they can use, and until when. */
  readonly #allowed = new Map<string, Allowed>();
  /** Disks whose last check failed. Each is logged once. */
  readonly #unseen = new Set<string>();
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #closed = false;
  #failed = false;

  constructor(deps: DiskWatchDeps) {
    this.#deps = deps;
    const { metrics = silentMetrics } = deps;
    metrics.gauge({ name: 'disks_full', help: 'Disks of running sessions that are full', read: () => this.#full.size });
  }

  start(): void {
    this.#timer = this.#deps.clock.after(LOOK_EVERY_MS, () => {
      this.#looking = this.look().finally(() => {
        this.#looking = undefined;
        if (!this.#closed) this.start();
      });
    });
  }

  /** Returns the sessions whose disks are full now. */
  full(): readonly string[] {
    return [...this.#full];
  }

  async look(): Promise<void> {
    const { running, log } = this.#deps;
    try {
      const disks = await running();
      const there = new Set(disks.map(({ session }) => session));
      for (const session of [...this.#fullToldMs.keys(), ...this.#counted.keys(), ...this.#unseen])
        if (!there.has(session)) this.#forget(session);
      for (const disk of disks) await this.#tryToLookAt(disk);
      this.#failed = false;
    } catch (error) {
      if (!this.#failed) log.warn('disks.unwatched', { error: messageOf(error) });
      this.#failed = true;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  /** A failed check of one disk must not keep the others from being watched. */
  async #tryToLookAt(disk: WatchedDisk): Promise<void> {
    const { session } = disk;
    try {
      await this.#lookAt(disk);
      this.#unseen.delete(session);
    } catch (error) {
      if (!this.#unseen.has(session)) this.#deps.log.warn('disk.unwatched', { session, error: messageOf(error) });
      this.#unseen.add(session);
    }
  }

  async #lookAt(disk: WatchedDisk): Promise<void> {
    const left = disk.isBounded ? await this.#deps.left(disk) : await this.#count(disk);
    if (left === undefined || this.#closed) return;
    const { session, bytes } = disk;
    const { log, changed, exceeded } = this.#deps;
    const was = this.#full.has(session);
    const nowMs = this.#deps.clock.monotonic();
    const mayBeTold = was || nowMs - (this.#fullToldMs.get(session) ?? Number.NEGATIVE_INFINITY) >= FULL_TOLD_EVERY_MS;
    const is = isFull(left, was) && mayBeTold;
    if (is && !was) this.#fullToldMs.set(session, nowMs);
    if (is) this.#full.add(session);
    else this.#full.delete(session);
    if (is !== was) {
      if (is) log.warn('session.disk-full', { session, limitBytes: bytes });
      else log.info('session.disk-room', { session });
      changed(disk, is);
    }
    if (disk.isBounded || !this.#isBeyond(disk, left)) return;
    exceeded(disk, bytes - left.bytes);
  }

  /** A recovered session gets some time to delete files, but cannot write more. */
  #isBeyond(disk: WatchedDisk, left: DiskLeft): boolean {
    const { session, wasStopped } = disk;
    const nowMs = this.#deps.clock.monotonic();
    const isOver = left.bytes < 0 || left.files < 0;
    const allowed = this.#allowed.get(session) ?? (isOver && wasStopped ? { left, untilMs: nowMs + MAKES_ROOM_MS } : IN_ORDER);
    if (allowed === IN_ORDER || !isOver) {
      this.#allowed.set(session, IN_ORDER);
      if (!isOver && wasStopped) this.#deps.inOrder(disk);
      return isOver;
    }
    this.#allowed.set(session, allowed);
    const takesMore = left.bytes < allowed.left.bytes - SLACK_BYTES || left.files < allowed.left.files - SLACK_FILES;
    return takesMore || nowMs >= allowed.untilMs;
  }

  async #count(disk: WatchedDisk): Promise<DiskLeft | undefined> {
    const { clock, freeSpace, directory, left } = this.#deps;
    const { freeBytes: hostFreeBytes } = await freeSpace(directory);
    const atMs = clock.monotonic();
    if (!isCountDue(this.#counted.get(disk.session), atMs, hostFreeBytes)) return undefined;
    const counted = await left(disk);
    this.#counted.set(disk.session, { left: counted, atMs, tookMs: clock.monotonic() - atMs, hostFreeBytes });
    return counted;
  }

  #forget(session: string): void {
    this.#full.delete(session);
    this.#fullToldMs.delete(session);
    this.#counted.delete(session);
    this.#allowed.delete(session);
    this.#unseen.delete(session);
  }
}
