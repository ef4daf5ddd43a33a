import type { Raworc, Session } from '../../sdk/raworc.ts';
import { afterTimeout } from '../build-wait.ts';
import { type Io, painted } from '../io.ts';
import { onOneLine } from '../terminal.ts';

/** Most answers begin sooner. */
const FIRST_MS = 5_000;
const EVERY_MS = 10_000;

/**
 * Until it is closed, tells on standard error why no answer comes, if the session says so: its node
 * is away, or it is starting. Each reason is printed once.
 */
export function explainWaiting(io: Io, raworc: Raworc, session: string): { close(): void } {
  const after = io.after ?? afterTimeout;
  let isClosed = false;
  let last: string | undefined;
  const look = async () => {
    // Only a note: while the server is away, the conversation itself finds out.
    const found = await raworc.sessions.get(session).catch(() => undefined);
    if (isClosed) return;
    const reason = found && reasonIn(found);
    if (reason !== undefined && reason !== last) io.stderr.line(painted(io, io.stderr, 'dim', onOneLine(`Waiting: ${reason}`)));
    last = reason;
    cancel = after(EVERY_MS, look);
  };
  let cancel = after(FIRST_MS, look);
  return {
    close() {
      isClosed = true;
      cancel();
    },
  };
}

function reasonIn({ waiting_reason: reason, state, settled }: Session): string | undefined {
  if (reason) return reason;
  return state === 'init' || settled === false ? `the session is not running yet (${state})` : undefined;
}
