import { readFileSync } from 'node:fs';
import Database from 'better-sqlite3';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

export interface Frames {
  readonly commits: number;
  /** Written pages by table or index. */
  readonly byTree: ReadonlyMap<string, number>;
}

/**
 * Counts the pages that commits write to the write-ahead log of a database from now on, until the
 * result is called. https://www.sqlite.org/fileformat2.html#the_write_ahead_log
 */
export function countFrames(path: string): () => Frames {
  const database = new Database(path, { readonly: true });
  // While it reads, the log does not start again from its beginning.
  database.exec('begin; select 1 from sqlite_schema');
  const from = pagesOf(path).length;
  return () => {
    database.exec('commit');
    const pages = database.prepare<[], { pageno: number; name: string }>('select pageno, name from dbstat').all();
    database.close();
    const names = new Map(pages.map(({ pageno, name }) => [pageno, name]));
    const written = pagesOf(path).slice(from);
    const byTree = new Map<string, number>();
    for (const { page } of written) {
      const name = names.get(page) ?? 'unused';
      byTree.set(name, (byTree.get(name) ?? 0) + 1);
    }
    return { commits: written.filter(({ isCommit }) => isCommit).length, byTree };
  };
}

function pagesOf(path: string): { page: number; isCommit: boolean }[] {
  const wal = readFileSync(`${path}-wal`);
  const pages: { page: number; isCommit: boolean }[] = [];
  if (wal.byteLength < HEADER_BYTES) return pages;
  const pageBytes = wal.readUInt32BE(8);
  const salt = wal.readBigUInt64BE(16);
  for (let at = HEADER_BYTES; at + FRAME_HEADER_BYTES + pageBytes <= wal.byteLength; at += FRAME_HEADER_BYTES + pageBytes) {
    if (wal.readBigUInt64BE(at + 8) !== salt) break;
    pages.push({ page: wal.readUInt32BE(at), isCommit: wal.readUInt32BE(at + 4) > 0 });
  }
  return pages;
}
