/** A disk in memory that can lose, by seed, whatever was not synced, in pieces of 16 bytes, and that can fail and fill up. */
import type { Disk, DiskFile } from '../../../seams/disk.ts';

const SECTOR_BYTES = 16;

interface Unsynced {
  readonly position: number;
  readonly bytes: Uint8Array;
}

class SimulatedFile {
  durable = new Uint8Array(0);
  seen = new Uint8Array(0);
  unsynced: Unsynced[] = [];
  /** Whether the directory was synced since it was made: else a power cut loses the file. */
  entered = false;

  write(position: number, bytes: Uint8Array): void {
    this.seen = patched(this.seen, position, bytes);
    this.unsynced.push({ position, bytes: Uint8Array.from(bytes) });
  }

  sync(): void {
    this.durable = Uint8Array.from(this.seen);
    this.unsynced = [];
  }

  cutPower(fraction: () => number): void {
    for (const { position, bytes } of this.unsynced) {
      const survives = fraction();
      for (let at = 0; at < bytes.byteLength; at += SECTOR_BYTES) {
        if (fraction() < survives) this.durable = patched(this.durable, position + at, bytes.subarray(at, at + SECTOR_BYTES));
      }
    }
    this.seen = Uint8Array.from(this.durable);
    this.unsynced = [];
  }
}

function patched(old: Uint8Array, position: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const end = position + bytes.byteLength;
  const next = new Uint8Array(Math.max(old.byteLength, end));
  next.set(old);
  next.set(bytes, position);
  return next;
}

export class SimulatedDisk implements Disk {
  readonly files = new Map<string, SimulatedFile>();
  /** Bytes that all files together may take. */
  capacityBytes = Number.POSITIVE_INFINITY;
  /** Called before each write and sync; what it throws is the disk's fault. */
  onOperation: (operation: 'write' | 'sync', path: string) => void | Promise<void> = () => undefined;
  #life = 0;

  /** Holds from now on what the other one does, all of it durably. */
  becomeCopyOf(other: SimulatedDisk): void {
    this.files.clear();
    for (const [path, { seen }] of other.files) {
      const file = new SimulatedFile();
      file.write(0, seen);
      file.sync();
      file.entered = true;
      this.files.set(path, file);
    }
  }

  /** The process ends: handles opened before do nothing any more, what was written stays. */
  killProcess(): void {
    this.#life += 1;
  }

  /** The machine ends: of what was not synced only pieces stay. */
  cutPower(fraction: () => number): void {
    this.killProcess();
    for (const [path, file] of this.files) {
      if (!file.entered && fraction() < 0.5) this.files.delete(path);
      else file.cutPower(fraction);
    }
  }

  async open(path: string): Promise<DiskFile> {
    const file = this.files.get(path) ?? new SimulatedFile();
    this.files.set(path, file);
    const life = this.#life;
    const alive = () => {
      if (life !== this.#life) throw new Error('the process that opened this file is gone');
    };
    const room = (end: number) => {
      const others = [...this.files.values()].reduce((sum, one) => sum + (one === file ? 0 : one.seen.byteLength), 0);
      if (end > file.seen.byteLength && others + end > this.capacityBytes) throw new Error('ENOSPC: no space left on device');
    };
    const write = async (position: number, bytes: Uint8Array) => {
      alive();
      await this.onOperation('write', path);
      alive();
      room(position + bytes.byteLength);
      file.write(position, bytes);
    };
    const sync = async () => {
      alive();
      await this.onOperation('sync', path);
      alive();
      file.sync();
    };
    return {
      size: async () => file.seen.byteLength,
      read: async (position, length) => Uint8Array.from(file.seen.subarray(position, position + length)),
      write,
      async writeDurably(position, bytes) {
        await write(position, bytes);
        await sync();
      },
      sync,
      allocate: async (length) => {
        alive();
        if (length <= file.seen.byteLength) return;
        room(length);
        file.write(file.seen.byteLength, new Uint8Array(length - file.seen.byteLength));
        file.sync();
      },
      close: async () => undefined,
    };
  }

  async exists(path: string): Promise<boolean> {
    return this.files.has(path);
  }
  async rename(from: string, to: string): Promise<void> {
    const file = this.files.get(from);
    if (!file) throw new Error(`ENOENT: ${from}`);
    this.files.delete(from);
    this.files.set(to, file);
  }
  async remove(path: string): Promise<void> {
    for (const name of [...this.files.keys()]) if (name === path || name.startsWith(`${path}/`)) this.files.delete(name);
  }
  async makeDirectory(): Promise<void> {}
  async syncDirectory(path: string): Promise<void> {
    for (const [name, file] of this.files) if (name.startsWith(`${path}/`)) file.entered = true;
  }
}

/** Uniform in [0, 1), the same sequence for the same seed (mulberry32, by Tommy Ettinger, public domain). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
