import { rm } from 'node:fs/promises';
import { sync } from '../../seams/sync.ts';
import type { Command } from './command.ts';

/** Disk space reserved in a file, which is removed when the ledger needs the room. */
export class Reserve {
  readonly #file: string;
  readonly #bytes: number;
  readonly #run: Command;

  constructor(run: Command, file: string, bytes: number) {
    this.#run = run;
    this.#file = file;
    this.#bytes = bytes;
  }

  async release(): Promise<void> {
    await rm(this.#file, { force: true });
  }

  async take(): Promise<void> {
    await this.#run('fallocate', ['-l', String(this.#bytes), this.#file]);
    await sync(this.#file);
  }
}
