import type { GuestFrame, HostFrame } from '../../proto/frame.ts';
import type { Link } from '../../proto/link.ts';
import type { StreamLink } from '../../proto/streams/stream-frame.ts';

export type GuestLink = Link<HostFrame, GuestFrame>;

/** Listens for guests, one socket per session. Unix sockets in production. */
export interface GuestListener {
  /** Lets the session's guest connect. Resolves to the directory to mount. Idempotent. */
  open(sessionId: string): Promise<string>;
  isOpen(sessionId: string): boolean;
  /** Accepts no more connections and removes the directory. The caller closes open connections. */
  close(sessionId: string): Promise<void>;
  /** Returns the sessions that have a directory, even if guests cannot connect. */
  left(): Promise<readonly string[]>;
  /** Stops listening for all sessions. Directories stay for the next start. */
  closeAll(): Promise<void>;
  /** Set once, before the first session is listened for. */
  onGuest(listener: (sessionId: string, link: GuestLink) => void): void;
  /** Set once, as `onGuest`: a guest's further connection, which carries one byte stream. */
  onStream(listener: (sessionId: string, link: StreamLink) => void): void;
}
