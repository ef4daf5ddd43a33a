/** Of a session's guest, beyond what its agents may have: its container gets `limits.processes` and these. */
export const RESERVED_PROCESSES = 64;
