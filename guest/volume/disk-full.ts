/**
 * The guest's exit code if its volume has no room for the mailbox. The node agent reports it as the
 * session's reason.
 */
export const DISK_FULL_EXIT = 28;

/** Whether the error was caused by a full volume or quota. */
export function isDiskFull(fault: unknown): boolean {
  for (let cause = fault; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT')) return true;
    // Exit code of a program that creates directories as another user.
    if ('status' in cause && cause.status === DISK_FULL_EXIT) return true;
  }
  return false;
}
