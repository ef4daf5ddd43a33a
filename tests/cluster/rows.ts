import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import Database from 'better-sqlite3';
import { z } from 'zod';
import { within } from './deadline.ts';

/**
 * History kept of a deleted session: its events, the number of the last one, its audit records, and
 * its own row, marked as ended, with storage sums of zero.
 */
const HISTORY = new Set(['events', 'session_event_counts', 'audit']);

/**
 * Returns tables other than history that still mention a session. The controller can be using the
 * database.
 */
export function tablesThatMention(databaseFile: string, sessionId: string): string[] {
  const database = new Database(databaseFile, { readonly: true });
  try {
    const tables = z
      .array(z.object({ name: z.string() }))
      .parse(database.prepare("select name from sqlite_master where type = 'table'").all());
    return tables.flatMap(({ name }) => {
      if (HISTORY.has(name)) return [];
      const rows = database.prepare(`select * from "${name}"`).all();
      return rows.filter((row) => JSON.stringify(row).includes(sessionId) && !isEnded(name, row)).map(() => name);
    });
  } finally {
    database.close();
  }
}

const empty = z.literal(0);
const endedShape = z.looseObject({
  desired: z.literal('deleted'),
  terminated_at: z.number(),
  history_messages: empty,
  history_bytes: empty,
});

const isEnded = (table: string, row: unknown) => table === 'sessions' && endedShape.safeParse(row).success;

/**
 * Resolves once `holds` is true for the database, which is checked after each write. Checks touch
 * other files only.
 */
export async function untilRows(what: string, databaseFile: string, holds: () => boolean, limitMs = 30_000): Promise<void> {
  const stop = new AbortController();
  const come = new Promise<void>((resolve) => {
    const look = () => {
      if (holds()) resolve();
    };
    const log = `${basename(databaseFile)}-wal`;
    watch(dirname(databaseFile), { signal: stop.signal }, (_, name) => {
      if (name === log) look();
    });
    look();
  });
  try {
    await within(what, limitMs, come);
  } finally {
    stop.abort();
  }
}
