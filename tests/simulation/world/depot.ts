import { copyFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { beginEpoch, copyDatabase } from '../../../controller/store/sqlite/backup.ts';
import { openBareStore, type SqliteStore } from '../../../controller/store/sqlite/bare-store.ts';
import { EPOCH, newStore, type StoreDirectory } from './store.ts';

/** The files of the controller's store, through all of its lives: where the database is now, its epoch, and a connection to look at it from beside every process. */
export class Depot {
  readonly #directory: StoreDirectory;
  #path: string;
  #epoch = EPOCH;
  #inspection: SqliteStore;
  #backups = 0;

  private constructor(directory: StoreDirectory, inspection: SqliteStore) {
    this.#directory = directory;
    this.#path = directory.path;
    this.#inspection = inspection;
  }

  static async open(nodes: readonly { id: string; name: string }[]): Promise<Depot> {
    const directory = await newStore(nodes);
    return new Depot(directory, await openBareStore(directory.path, EPOCH, { looksOn: true }));
  }

  get directory(): string {
    return dirname(this.#directory.path);
  }

  get path(): string {
    return this.#path;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get inspection(): SqliteStore {
    return this.#inspection;
  }

  /** A file with all that is committed. */
  async backup(): Promise<string> {
    this.#backups += 1;
    const file = `${this.#directory.path}.backup-${this.#backups}`;
    await copyDatabase(this.#path, file);
    return file;
  }

  /** The store is from now on what that file holds, in a life of its own. No process may have it open. */
  async restore(file: string, nowMs: number): Promise<void> {
    const epoch = Math.max(this.#epoch + 1, Math.floor(nowMs / 1000));
    const path = `${this.#directory.path}.epoch-${epoch}`;
    copyFileSync(file, path);
    await beginEpoch(path, epoch);
    this.#inspection.close();
    this.#inspection = await openBareStore(path, epoch, { looksOn: true });
    this.#path = path;
    this.#epoch = epoch;
  }

  close(): void {
    this.#inspection.close();
    this.#directory.remove();
  }
}
