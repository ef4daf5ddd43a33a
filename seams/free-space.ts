/** Room on a file system, in bytes. */
export interface Space {
  /** What an unprivileged process can still write. */
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Reads how much room the file system has that holds `path`, which must exist. */
export type FreeSpace = (path: string) => Promise<Space>;
