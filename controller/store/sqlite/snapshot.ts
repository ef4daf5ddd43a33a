import type Database from 'better-sqlite3';

/**
 * Holds one read transaction between two commits: entering and leaving one takes three times as
 * long as reading a row.
 */
class HeldReads {
  readonly database: Database.Database;
  readonly #begin: Database.Statement;
  readonly #end: Database.Statement;
  #isHeld = false;

  constructor(database: Database.Database) {
    this.database = database;
    this.#begin = database.prepare('begin');
    this.#end = database.prepare('commit');
  }

  hold(): void {
    if (this.#isHeld) return;
    this.#begin.run();
    this.#isHeld = true;
  }

  letGo(): void {
    if (!this.#isHeld) return;
    this.#end.run();
    this.#isHeld = false;
  }
}

/**
 * Reads the last commit. Uses the writing connection, whose cache has the pages of each commit,
 * while a commit empties the cache of any other; during a transaction, uses a second connection.
 * Ends its read transaction before each write, so that checkpoints can proceed.
 */
export class Snapshot {
  readonly #near: HeldReads;
  readonly #beside: HeldReads;
  #isWriting = false;

  constructor(writing: Database.Database, beside: Database.Database) {
    this.#near = new HeldReads(writing);
    this.#beside = new HeldReads(beside);
  }

  /** Returns the connection to read with, valid until the next write. */
  connection(): Database.Database {
    const reads = this.#isWriting ? this.#beside : this.#near;
    reads.hold();
    return reads.database;
  }

  /** Runs a write. Every write goes through this. */
  write<T>(work: () => T): T {
    this.#near.letGo();
    this.#isWriting = true;
    try {
      return work();
    } finally {
      this.#isWriting = false;
      this.#beside.letGo();
    }
  }
}
