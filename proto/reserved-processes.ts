/**
 * Processes of a session's guest. The container's limit is these plus the agents'
 * `limits.processes`.
 */
export const RESERVED_PROCESSES = 64;
