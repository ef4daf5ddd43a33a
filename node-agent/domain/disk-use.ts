/** Decides from counted bytes and files what a session's disk has left. Pure. */

/** Less than this is full: what has this much left takes small files yet, and nothing of use. */
const FULL_BYTES = 2 ** 20;
const FULL_FILES = 16;
/**
 * A full disk must have clearly more room before it counts as not full, so that reports do not
 * flap.
 */
const ROOM_BYTES = 4 * FULL_BYTES;
const ROOM_FILES = 4 * FULL_FILES;
/** Of files, in a directory that is measured: as many as an image has. */
export const BYTES_PER_FILE = 8192;

export interface DiskLeft {
  readonly bytes: number;
  readonly files: number;
}

/** Whether a disk is full, given whether it was. */
export function isFull(left: DiskLeft, was: boolean): boolean {
  return was ? left.bytes < ROOM_BYTES || left.files < ROOM_FILES : left.bytes < FULL_BYTES || left.files < FULL_FILES;
}

/** Counting is as dear as a disk has files: it may take this share of the time, at most. */
const COUNTING_SHARE = 50;
const COUNT_EVERY_MS = 10_000;

export interface Counted {
  readonly left: DiskLeft;
  /** By the monotonic clock, when counting began, and how long it took. */
  readonly atMs: number;
  readonly tookMs: number;
  /** On the file system that the disks are in, when counting began. */
  readonly hostFreeBytes: number;
}

/**
 * Whether a directory must be counted again: after some time, or when the host lost so much room
 * that the session may have filled its limit.
 */
export function isCountDue(counted: Counted | undefined, nowMs: number, hostFreeBytes: number): boolean {
  if (counted === undefined) return true;
  const { atMs, tookMs, left } = counted;
  if (nowMs < atMs + 2 * tookMs) return false;
  if (nowMs >= atMs + Math.max(COUNT_EVERY_MS, COUNTING_SHARE * tookMs)) return true;
  return counted.hostFreeBytes - hostFreeBytes >= Math.max(left.bytes, 0);
}
