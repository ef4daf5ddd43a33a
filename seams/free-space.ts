/** Space on a file system, in bytes. */
export interface Space {
  /** Bytes that an unprivileged process can still write. */
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Returns the space on the file system of `path`, which must exist. */
export type FreeSpace = (path: string) => Promise<Space>;
