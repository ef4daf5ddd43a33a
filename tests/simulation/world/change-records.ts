import Database from 'better-sqlite3';
import type { Mutation } from '../../../controller/domain/engine/mutation.ts';

/** Objects that only clients create. */
const MADE_BY_CLIENTS: ReadonlySet<string> = new Set(['sessions', 'accounts', 'bindings', 'apiKeys', 'spaces']);

/**
 * Compares a controller's audit record with the changes of its commands, after every command and
 * commit: changes that only a client can make have one record, none has two, and the store has all.
 */
export class ChangeRecords {
  readonly #database: Database.Database;
  readonly #newest: Database.Statement<[], { newest: number }>;
  readonly #isThere: Map<string, Database.Statement<[string], unknown>>;
  readonly #violation: (what: string) => void;
  #expected: number;
  #batch: readonly Mutation[] | undefined;
  #confirmed = 0;

  constructor(path: string, violation: (what: string) => void) {
    this.#database = new Database(path, { readonly: true });
    this.#newest = this.#database.prepare('select coalesce(max(number), 0) as newest from audit');
    const table = (name: string) => this.#database.prepare<[string], unknown>(`select 1 from ${name} where id = ?`);
    this.#isThere = new Map([...MADE_BY_CLIENTS, 'messages'].map((name) => [name, table(name === 'apiKeys' ? 'api_keys' : name)] as const));
    this.#violation = violation;
    this.#expected = this.#inStore();
  }

  /** Called when a command is decided. Its changes are the last of an uncommitted batch. `tells`: it has events. */
  decided(batch: readonly Mutation[], tells: boolean): void {
    if (batch !== this.#batch) this.#confirmed = 0;
    this.#batch = batch;
    const own = batch.slice(Math.min(this.#confirmed, batch.length));
    this.#confirmed = batch.length;
    const records = own.flatMap((mutation) => (mutation.kind === 'audit' ? [mutation.record] : []));
    const actions = records.map(({ action }) => action).join(', ');
    const made = own.find((mutation) => this.#isOfClient(mutation, batch));
    if (records.length > 1) this.#violation(`a command is recorded ${records.length} times: ${actions}`);
    if (made !== undefined && records.length === 0)
      this.#violation(`a change of a client has no record: ${JSON.stringify(made).slice(0, 200)}`);
    if (records.length === 1 && own.length === 1 && !tells && records[0]?.outcome === 'ok')
      this.#violation(`${actions} is recorded, and changed nothing`);
  }

  committed(mutations: readonly Mutation[]): void {
    this.#expected += mutations.filter(({ kind }) => kind === 'audit').length;
    const found = this.#inStore();
    if (found !== this.#expected) this.#violation(`the store has ${found} audit records, and commands made ${this.#expected}`);
  }

  close(): void {
    this.#database.close();
  }

  #inStore(): number {
    return this.#newest.get()?.newest ?? 0;
  }

  #isOfClient(mutation: Mutation, batch: readonly Mutation[]): boolean {
    if (mutation.kind !== 'put') return false;
    const { table, row } = mutation;
    const isMessage = mutation.table === 'messages' && mutation.row.role === 'user';
    if (!isMessage && !MADE_BY_CLIENTS.has(table)) return false;
    // New to the store, and not from an earlier command of this batch.
    const first = batch.find((one) => one.kind === 'put' && one.table === table && one.row.id === row.id);
    return first === mutation && this.#isThere.get(table)?.get(row.id) === undefined;
  }
}
