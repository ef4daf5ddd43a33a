export interface StoredLog {
  readonly spaceId: string;
  readonly buildId: string;
  readonly bytes: number;
  /** When it last grew, in Unix milliseconds. */
  readonly atMs: number;
}

/** Where the logs of builds are kept. */
export interface BuildLogStore {
  append(spaceId: string, buildId: string, bytes: Uint8Array): Promise<void>;
  /** Returns at most `length` bytes from a position on; none at the end, or if there is no log. */
  read(spaceId: string, buildId: string, from: number, length: number): Promise<Uint8Array>;
  remove(spaceId: string, buildId: string): Promise<void>;
  list(): Promise<readonly StoredLog[]>;
}

/** Bounds of stored logs. Beyond them, the oldest logs are removed. */
export const LOG_RETENTION = { spaceBytes: 64 * 2 ** 20, spaceLogs: 200, allBytes: 2 ** 30 } as const;

/** Returns the logs to remove so that the rest is within the bounds, without any of `open`. */
export function beyondBounds(
  logs: readonly StoredLog[],
  open: (buildId: string) => boolean,
  bounds: { readonly spaceBytes: number; readonly spaceLogs: number; readonly allBytes: number } = LOG_RETENTION,
): readonly StoredLog[] {
  const newestFirst = [...logs].sort((a, b) => b.atMs - a.atMs || (a.buildId < b.buildId ? -1 : 1));
  const ofSpaces = new Map<string, { bytes: number; logs: number }>();
  let allBytes = 0;
  return newestFirst.filter((log) => {
    const ofSpace = ofSpaces.get(log.spaceId) ?? { bytes: 0, logs: 0 };
    const isOver =
      ofSpace.bytes + log.bytes > bounds.spaceBytes || ofSpace.logs + 1 > bounds.spaceLogs || allBytes + log.bytes > bounds.allBytes;
    if (isOver && !open(log.buildId)) return true;
    ofSpaces.set(log.spaceId, { bytes: ofSpace.bytes + log.bytes, logs: ofSpace.logs + 1 });
    allBytes += log.bytes;
    return false;
  });
}
