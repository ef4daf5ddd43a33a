/** A file held open for a journal. Positions and lengths in bytes. */
export interface DiskFile {
  size(): Promise<number>;
  read(position: number, length: number): Promise<Uint8Array>;
  write(position: number, bytes: Uint8Array): Promise<void>;
  /** Resolves once these bytes survive a power cut. Of what `write` wrote before, nothing is said. */
  writeDurably(position: number, bytes: Uint8Array): Promise<void>;
  /** Resolves once everything written before the call survives a power cut. */
  sync(): Promise<void>;
  /** Makes the file at least `length` bytes long, the new ones zero and really allocated: later writes in it cannot meet a full disk. */
  allocate(length: number): Promise<void>;
  close(): Promise<void>;
}

/** The disk, handed in. Faults of the simulation are made here. */
export interface Disk {
  /** Opens for reading and writing, made (mode 0600) when missing. */
  open(path: string): Promise<DiskFile>;
  exists(path: string): Promise<boolean>;
  /** Atomic; the directory is synced. */
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes the directory and its parents, the last one with `mode`. */
  makeDirectory(path: string, mode: number): Promise<void>;
  /** Sync the directory itself, after files were made in it. */
  syncDirectory(path: string): Promise<void>;
}
