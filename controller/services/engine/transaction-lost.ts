/**
 * SQLite rolled back the whole transaction, or can no longer write: the database has nothing of the
 * batch, and the process must exit. The store throws it; it is never handled per command.
 */
export class TransactionLost extends Error {
  override readonly name = 'TransactionLost';

  constructor(cause: unknown, path: string) {
    super(explain(cause, path), { cause });
  }
}

/** Faults of the disk or memory, which other statements will also hit. */
export function isStoreFault(error: unknown): boolean {
  return /^SQLITE_(FULL|IOERR|NOMEM|CORRUPT|READONLY|CANTOPEN)/.test(codeOf(error));
}

function explain(cause: unknown, path: string): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  const kept = 'None of the last batch of commands was stored or answered.';
  return `Cannot write to ${path}: ${text}. ${kept} ${remedyFor(cause)}`;
}

/** Returns what the operator can do about a fault of the store. */
export function remedyFor(error: unknown): string {
  const code = codeOf(error);
  if (code.startsWith('SQLITE_FULL')) return 'Free space on its disk, then start the controller again.';
  if (/^SQLITE_(IOERR|CANTOPEN)/.test(code))
    return 'Check the disk (free space, permissions, kernel log), then start the controller again.';
  if (code.startsWith('SQLITE_NOMEM')) return 'Give the controller more memory, then start it again.';
  if (code.startsWith('SQLITE_READONLY')) return 'Make the directory writable for the controller, then start it again.';
  if (code.startsWith('SQLITE_CORRUPT')) return 'Restore the newest backup: raworc-controller restore FILE.';
  return 'Start the controller again.';
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');
