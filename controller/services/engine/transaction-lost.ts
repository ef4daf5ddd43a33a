const NOTHING = 'None of the last batch of commands was stored or answered.';
/** A sync failed: the next start finds what reached the disk. */
export const UNANSWERED = 'None of the last batch of commands was answered.';

/**
 * SQLite rolled back the whole transaction, or can no longer write: the database has nothing of the
 * batch, or, after a failed sync, perhaps all of it. The process must exit. The store throws it; it
 * is never handled per command.
 */
export class TransactionLost extends Error {
  override readonly name = 'TransactionLost';

  constructor(cause: unknown, path: string, left = NOTHING) {
    super(explain(cause, path, left), { cause });
  }
}

/** Faults of the disk or memory, which other statements will also hit. */
export function isStoreFault(error: unknown): boolean {
  return /^SQLITE_(FULL|IOERR|NOMEM|CORRUPT|READONLY|CANTOPEN)/.test(codeOf(error));
}

function explain(cause: unknown, path: string, left: string): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return `Cannot write to ${path}: ${text}. ${left} ${remedyFor(cause)}`;
}

/** Returns what the operator can do about a fault of the store. */
export function remedyFor(error: unknown): string {
  const code = codeOf(error);
  if (/^(SQLITE_FULL|ENOSPC|EDQUOT)/.test(code)) return 'Free space on its disk, then start the controller again.';
  if (/^(SQLITE_(IOERR|CANTOPEN)|EIO)/.test(code))
    return 'Check the disk (free space, permissions, kernel log), then start the controller again.';
  if (code.startsWith('SQLITE_NOMEM')) return 'Give the controller more memory, then start it again.';
  if (code.startsWith('SQLITE_READONLY')) return 'Make the directory writable for the controller, then start it again.';
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return 'Restore the newest backup: raworc-controller restore FILE --force.';
  return 'Start the controller again.';
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');
