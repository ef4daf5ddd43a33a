import type Database from 'better-sqlite3';

/**
 * Keeps all reads of a connection between two commits in one transaction, because starting and
 * ending one costs three times as much as reading a row.
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
 * Reads the last commit. It uses the writing connection, because every commit empties the page
 * cache of any other, and a second connection while a transaction is being decided. Read
 * transactions end before each write, so that they delay no checkpoint.
 */
export class Snapshot {
  readonly #near: HeldReads;
  readonly #beside: HeldReads;
  readonly #written: () => void;
  #isWriting = false;

  /** Calls `written` after each completed write, while no transaction is open. */
  constructor(writing: Database.Database, beside: Database.Database, written: () => void = () => undefined) {
    this.#near = new HeldReads(writing);
    this.#beside = new HeldReads(beside);
    this.#written = written;
  }

  /** The connection to read with, valid until the next write. */
  connection(): Database.Database {
    const reads = this.#isWriting ? this.#beside : this.#near;
    reads.hold();
    return reads.database;
  }

  /** Runs a write. Every write of the store goes through this. */
  write<T>(work: () => T): T {
    this.#near.letGo();
    this.#isWriting = true;
    let result: T;
    try {
      result = work();
    } finally {
      this.#isWriting = false;
      this.#beside.letGo();
    }
    this.#written();
    return result;
  }
}
