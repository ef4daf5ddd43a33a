import type Database from 'better-sqlite3';

/** All reads of one connection between two commits, in one transaction: to enter and leave one takes three times as long as to read a row. */
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
 * What was last committed. It is read on the connection that writes, whose cache has the pages of each commit already: for any other one a commit empties the
 * cache. While a transaction is decided, it is read on a connection beside it. Reads are let go before each write, so that they hold no checkpoint back.
 */
export class Snapshot {
  readonly #near: HeldReads;
  readonly #beside: HeldReads;
  #isWriting = false;

  constructor(writing: Database.Database, beside: Database.Database) {
    this.#near = new HeldReads(writing);
    this.#beside = new HeldReads(beside);
  }

  /** The one to read with now. Good until the next write. */
  connection(): Database.Database {
    const reads = this.#isWriting ? this.#beside : this.#near;
    reads.hold();
    return reads.database;
  }

  /** Every write goes through this. */
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
