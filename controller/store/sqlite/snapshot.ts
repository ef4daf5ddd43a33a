import type Database from 'better-sqlite3';

/**
 * Keeps all reads of a connection between two commits in one transaction, because starting and
 * ending one costs three times as much as reading a row.
 */
class HeldReads {
  readonly database: Database.Database;
  readonly #begin: Database.Statement;
  readonly #end: Database.Statement;
  readonly #read: Database.Statement;
  #isHeld = false;

  constructor(database: Database.Database) {
    this.database = database;
    this.#begin = database.prepare('begin');
    this.#end = database.prepare('commit');
    this.#read = database.prepare('select 1 from sqlite_schema limit 1');
  }

  hold(): void {
    if (this.#isHeld) return;
    this.#begin.run();
    this.#isHeld = true;
  }

  /** Holds the state as it is now. A transaction that has read nothing would see later commits. */
  pin(): void {
    this.hold();
    this.#read.get();
  }

  letGo(): void {
    if (!this.#isHeld) return;
    this.#end.run();
    this.#isHeld = false;
  }
}

/**
 * Reads the last commit that is durable. It uses the writing connection, because every commit
 * empties the page cache of any other, and a second connection while a transaction is being decided
 * or synced. Read transactions end before each write, so that they delay no checkpoint.
 */
export class Snapshot {
  readonly #near: HeldReads;
  readonly #beside: HeldReads;
  readonly #written: () => void;
  /** Readers are kept on the state before the current write. */
  #isAhead = false;

  /** Calls `written` after each completed write, while no transaction is open. */
  constructor(writing: Database.Database, beside: Database.Database, written: () => void = () => undefined) {
    this.#near = new HeldReads(writing);
    this.#beside = new HeldReads(beside);
    this.#written = written;
  }

  /** The connection to read with, valid until the next write. */
  connection(): Database.Database {
    const reads = this.#isAhead ? this.#beside : this.#near;
    reads.hold();
    return reads.database;
  }

  /** Runs a write that readers see once it returns, or, after {@link writeAhead}, once `show` is called. */
  write<T>(work: () => T): T {
    if (this.#isAhead) return work();
    this.#near.letGo();
    this.#isAhead = true;
    let result: T;
    try {
      result = work();
    } finally {
      this.#endAhead();
    }
    this.#written();
    return result;
  }

  /** Runs a write that readers do not see until `show`. If it throws, there is nothing to show. */
  writeAhead<T>(work: () => T): T {
    this.#near.letGo();
    this.#beside.pin();
    this.#isAhead = true;
    try {
      return work();
    } catch (error) {
      this.#endAhead();
      throw error;
    }
  }

  /** Shows readers what was written. */
  show(): void {
    this.#endAhead();
    this.#written();
  }

  #endAhead(): void {
    this.#isAhead = false;
    this.#beside.letGo();
  }
}
