import { copyFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { beginEpoch, copyDatabase } from '../../../controller/store/sqlite/backup.ts';
import { openBareStore, type SqliteStore } from '../../../controller/store/sqlite/bare-store.ts';
import { EPOCH, type NewNode, newStore, type StoreDirectory } from './store.ts';

/**
 * The store's files over all processes of the controller: the current database, its epoch, and a
 * connection of the simulation's own.
 */
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

  static async open(nodes: readonly NewNode[]): Promise<Depot> {
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

  /** Writes everything committed to a file. Returns its path. */
  async backup(): Promise<string> {
    this.#backups += 1;
    const file = `${this.#directory.path}.backup-${this.#backups}`;
    await copyDatabase(this.#path, file);
    return file;
  }

  /** Replaces the store by that file, in a new epoch. No process can have it open. */
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
