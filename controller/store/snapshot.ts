import type Database from 'better-sqlite3';

/**
 * What was last committed, held in one transaction by all reads until the next commit: to enter and leave one takes three times as long as to
 * read a row. Whoever writes lets it go before, so that it holds no checkpoint back, and after.
 */
export class Snapshot {
  readonly #begin: Database.Statement;
  readonly #end: Database.Statement;
  #isHeld = false;

  constructor(database: Database.Database) {
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
