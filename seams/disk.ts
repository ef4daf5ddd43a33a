/** An open file of a journal. Positions and lengths are in bytes. */
export interface DiskFile {
  size(): Promise<number>;
  read(position: number, length: number): Promise<Uint8Array>;
  write(position: number, bytes: Uint8Array): Promise<void>;
  /** Resolves once these bytes survive a power cut. Promises nothing about earlier writes. */
  writeDurably(position: number, bytes: Uint8Array): Promise<void>;
  /** Resolves once everything written before the call survives a power cut. */
  sync(): Promise<void>;
  /**
   * Grows the file to at least `length` bytes, zero-filled and allocated on disk, so that later
   * writes within it cannot find the disk full.
   */
  allocate(length: number): Promise<void>;
  close(): Promise<void>;
}

/** The disk, injected. The simulation injects its faults here. */
export interface Disk {
  /** Opens for reading and writing. Creates a missing file with mode 0600. */
  open(path: string): Promise<DiskFile>;
  exists(path: string): Promise<boolean>;
  /** Renames atomically and syncs the directory. */
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Creates the directory with `mode`, and its missing parents. */
  makeDirectory(path: string, mode: number): Promise<void>;
  /** Syncs the directory itself, after files were created in it. */
  syncDirectory(path: string): Promise<void>;
}
