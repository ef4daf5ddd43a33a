/** What the guest ends with where its volume has no room for what it must keep. The node agent says so to whoever looks at the session. */
export const DISK_FULL_EXIT = 28;

/** The volume, or the quota on it, has no room: it is why this was thrown. */
export function isDiskFull(fault: unknown): boolean {
  for (let cause = fault; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT')) return true;
    // Of a program that makes directories as another user.
    if ('status' in cause && cause.status === DISK_FULL_EXIT) return true;
  }
  return false;
}
