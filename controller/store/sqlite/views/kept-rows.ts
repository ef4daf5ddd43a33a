import type { Mutation, TableName, Tables } from '../../../domain/engine/mutation.ts';
import { asStored, isShort } from '../columns.ts';

/** Rows of a table in memory. With more, all are read again: a cluster's busy sessions are fewer. */
const MAX_ROWS = 2000;

/** Tables of which every message reads the same rows several times, by id. */
const KEPT: readonly TableName[] = ['sessions', 'spaces', 'nodes', 'agents', 'queue', 'messages'];

type Rows<Value> = ReadonlyMap<TableName, Map<string, Value>>;
const noRows = <Value>(): Rows<Value> => new Map(KEPT.map((table) => [table, new Map<string, Value>()] as const));

/** What a part of the controller knows of a row without reading it. */
export interface KnownRows {
  get<Name extends TableName>(table: Name, id: string): Tables[Name] | undefined;
  /** Takes a row that was read. */
  keep(table: TableName, row: Tables[TableName]): void;
}

/**
 * Those without long fields of the rows that were read or written last, as a read returns them: most commands read the rows that
 * the command before has written. Readers know those that they can see, and the writer besides what
 * its transaction has changed, which readers know from `show` on.
 */
export class KeptRows {
  /** The rows that readers see. */
  readonly #shown = noRows<object>();
  /** Rows that the transaction wrote. Undefined: removed, or to be read again. */
  readonly #changed = noRows<object | undefined>();
  /** The transaction has changed rows that are not in `#changed`. */
  #isBlind = false;

  readonly forReaders: KnownRows = {
    get: <Name extends TableName>(table: Name, id: string) => this.#shown.get(table)?.get(id) as Tables[Name] | undefined,
    keep: (table, row) => {
      makeRoom(this.#shown.get(table));
      keep(this.#shown, table, row);
    },
  };

  readonly forWriter: KnownRows = {
    get: <Name extends TableName>(table: Name, id: string) => {
      const changed = this.#changed.get(table);
      const row = changed?.has(id) || this.#isBlind ? changed?.get(id) : this.#shown.get(table)?.get(id);
      return row as Tables[Name] | undefined;
    },
    keep: (table, row) => {
      const isChanged = this.#isBlind || this.#changed.get(table)?.has(row.id) === true;
      if (isChanged) keep(this.#changed, table, row);
      else this.forReaders.keep(table, row);
    },
  };

  /** Follows a mutation that the transaction applied. */
  apply(mutation: Mutation): void {
    switch (mutation.kind) {
      case 'put': {
        this.#changed.get(mutation.table)?.set(mutation.row.id, undefined);
        const stored = KEPT.includes(mutation.table) ? asStored(mutation.table, mutation.row) : undefined;
        if (stored !== undefined) keep(this.#changed, mutation.table, stored);
        return;
      }
      case 'dequeue':
        this.#changed.get('queue')?.set(mutation.row.id, undefined);
        return;
      case 'audit':
      case 'prune-audit':
        return;
      case 'remove':
        // A message in the queue is found by its row in `messages`.
        if (mutation.table === 'messages') this.#changed.get('queue')?.set(mutation.id, undefined);
        this.#changed.get(mutation.table)?.set(mutation.id, undefined);
        return;
      default:
        // It changes many rows.
        this.#isBlind = true;
        this.undo();
    }
  }

  /** A part of the transaction was rolled back, so what it changed has to be read again. */
  undo(): void {
    for (const rows of this.#changed.values()) for (const id of rows.keys()) rows.set(id, undefined);
  }

  /** The transaction was rolled back. */
  drop(): void {
    for (const rows of this.#changed.values()) rows.clear();
    this.#isBlind = false;
  }

  /** Readers see the transaction from now on. */
  show(): void {
    for (const [table, changed] of this.#changed) {
      const shown = this.#shown.get(table);
      if (this.#isBlind) shown?.clear();
      for (const [id, row] of changed) {
        makeRoom(shown);
        if (row === undefined) shown?.delete(id);
        else shown?.set(id, row);
      }
    }
    this.drop();
  }
}

function makeRoom(rows: Map<string, object> | undefined): void {
  if (rows !== undefined && rows.size >= MAX_ROWS) rows.clear();
}

function keep(tables: Rows<object | undefined>, table: TableName, row: Tables[TableName]): void {
  const rows = tables.get(table);
  if (rows === undefined || !Object.values(row).every(isShort)) return;
  rows.set(row.id, row);
}
