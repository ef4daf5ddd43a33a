/**
 * The end of a session's id: few ids share it, and an index of ends is a third as large as one of
 * ids.
 */
export const sessionKey = (id: string): string => `substr(${id}, -8)`;

/** Matches the events of a session, by the index of {@link sessionKey}. Its id is given twice. */
export const OF_SESSION = `${sessionKey('session_id')} = ${sessionKey('?')} and session_id = ?`;
