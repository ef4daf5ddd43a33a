import Database from 'better-sqlite3';

/**
 * Adds up the storage of spaces and sessions from the rows, after every few commits, and compares
 * it with the store's sums.
 */
export class StorageAudit {
  readonly #database: Database.Database;
  readonly #differing: Database.Statement<[], { what: string; counted: number; is: number }>;
  readonly #violation: (what: string) => void;
  #commits = 0;

  constructor(path: string, violation: (what: string) => void) {
    this.#database = new Database(path, { readonly: true });
    this.#violation = violation;
    this.#differing = this.#database.prepare(`
      with kept as (select session_id, length(cast(content as blob)) + length(cast(metadata as blob)) as bytes
        from (select session_id, content, metadata from messages union all select session_id, content, metadata from hops)),
      spaces_is as (
        select space_id as id, sum(bytes) as bytes from (
          select s.space_id, k.bytes from kept k join sessions s on s.id = k.session_id
          union all select space_id, source_bytes from agents
          union all select space_id, length(cast(metadata as blob)) from sessions where desired <> 'deleted'
          union all select space_id, length(cast(sealed as blob)) from secrets
          union all select space_id, length(cast(data as blob)) from events where space_id is not null
        ) group by space_id),
      sessions_is as (select session_id as id, count(*) as messages, sum(bytes) as bytes from kept group by session_id)
      select 'space ' || s.id as what, coalesce(c.bytes, 0) as counted, coalesce(i.bytes, 0) as "is"
        from spaces s left join space_storage c on c.id = s.id left join spaces_is i on i.id = s.id
        where coalesce(c.bytes, 0) <> coalesce(i.bytes, 0)
      union all
      select 'session ' || s.id, s.history_bytes, coalesce(i.bytes, 0)
        from sessions s left join sessions_is i on i.id = s.id
        where s.history_bytes <> coalesce(i.bytes, 0) or s.history_messages <> coalesce(i.messages, 0)`);
  }

  committed(): void {
    // A wrong sum stays wrong, so an occasional check is enough.
    this.#commits += 1;
    if (this.#commits % 8 !== 0) return;
    for (const { what, counted, is } of this.#differing.all())
      this.#violation(`${what} is counted with ${counted} bytes stored, its rows have ${is}`);
  }

  close(): void {
    this.#database.close();
  }
}
