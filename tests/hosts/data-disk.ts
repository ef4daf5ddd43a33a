import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Machine } from './machine.ts';

/** Of the controller, or of a node agent. */
export const DATA = '/var/lib/raworc';
/** Of the file system itself, for its lists of blocks. */
const OWN_BYTES = 64 * 2 ** 20;
const FILLER = join(DATA, 'filler');

/**
 * The file system of a machine's data directory. It can be full only if it has a size; else it is
 * that of this machine. Its mount is the machine's own, and goes with it.
 */
export class DataDisk {
  readonly #machine: Machine;
  readonly #bytes: number | undefined;

  constructor(machine: Machine, bytes: number | undefined) {
    this.#machine = machine;
    this.#bytes = bytes;
  }

  /** Once in each life of the machine. */
  async mount(): Promise<void> {
    if (this.#bytes === undefined) return;
    await this.#machine.run('mkdir', '-p', '-m', '700', DATA);
    // Named after the rack, so that what a crash leaves of it can be found.
    const image = `/var/lib/${basename(dirname(this.#machine.directory))}.ext4`;
    if (!existsSync(this.#machine.path(image))) {
      await this.#machine.run('truncate', '-s', String(this.#bytes), image);
      await this.#machine.run('mkfs.ext4', '-q', '-m', '0', '-E', 'root_owner=0:0', image);
    }
    await this.#machine.run('mount', '-o', 'loop', image, DATA);
    await this.#machine.run('chmod', '700', DATA);
  }

  /** Leaves only this much free. Blocks are reserved and not written, so this machine's disk has not to hold them. */
  async fill(leftBytes: number): Promise<void> {
    if (this.#bytes === undefined) throw new Error(`${this.#machine.name} has no disk of its own`);
    const free = Number((await this.#machine.run('df', '-B1', '--output=avail', DATA)).split('\n').at(-1));
    await this.#machine.run('fallocate', '-l', String(free - Math.max(leftBytes, OWN_BYTES)), FILLER);
    if (leftBytes === 0) await this.#machine.run('dd', 'if=/dev/zero', `of=${FILLER}.rest`, 'bs=4k').catch(() => undefined); // Until it is full.
  }

  async free(): Promise<void> {
    await this.#machine.run('rm', '-f', FILLER, `${FILLER}.rest`);
  }
}
