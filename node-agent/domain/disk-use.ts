/** Decides whether a session's disk is full, from the bytes and files counted on it. Pure. */

/** A disk with less than this left is full: small files still fit, but nothing useful does. */
const FULL_BYTES = 2 ** 20;
const FULL_FILES = 16;
/**
 * A full disk must have clearly more room before it counts as not full, so that reports do not
 * flap.
 */
const ROOM_BYTES = 4 * FULL_BYTES;
const ROOM_FILES = 4 * FULL_FILES;
/** The maximum number of files in a measured directory, the same as in an image. */
export const BYTES_PER_FILE = 8192;

export interface DiskLeft {
  readonly bytes: number;
  readonly files: number;
}

/** Whether a disk is full, given whether it was. */
export function isFull(left: DiskLeft, was: boolean): boolean {
  return was ? left.bytes < ROOM_BYTES || left.files < ROOM_FILES : left.bytes < FULL_BYTES || left.files < FULL_FILES;
}

/** Counting takes longer the more files a disk has. It uses at most this share of the time. */
const COUNTING_SHARE = 50;
const COUNT_EVERY_MS = 10_000;

export interface Counted {
  readonly left: DiskLeft;
  /** When counting began, on the monotonic clock, and how long it took. */
  readonly atMs: number;
  readonly tookMs: number;
  /** Free bytes of the file system that holds the disks, when counting began. */
  readonly hostFreeBytes: number;
}

/**
 * Returns whether a directory must be counted again: after some time, or when the host's free space
 * has shrunk so much that the session could have reached its limit.
 */
export function isCountDue(counted: Counted | undefined, nowMs: number, hostFreeBytes: number): boolean {
  if (counted === undefined) return true;
  const { atMs, tookMs, left } = counted;
  if (nowMs < atMs + 2 * tookMs) return false;
  if (nowMs >= atMs + Math.max(COUNT_EVERY_MS, COUNTING_SHARE * tookMs)) return true;
  return counted.hostFreeBytes - hostFreeBytes >= Math.max(left.bytes, 0);
}
