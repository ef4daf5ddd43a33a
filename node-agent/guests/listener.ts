import type { GuestFrame, HostFrame } from '../../proto/frame.ts';
import type { Link } from '../../proto/link.ts';
import type { StreamLink } from '../../proto/streams/stream-frame.ts';

export type GuestLink = Link<HostFrame, GuestFrame>;

/** Where guests come in: one door a session. Unix sockets in production. */
export interface GuestListener {
  /** Guests of this session may connect from now on. Resolves to the directory to mount. Opening twice is one door. */
  open(sessionId: string): Promise<string>;
  isOpen(sessionId: string): boolean;
  /** Nobody may connect any more, and the directory is gone. Connections that are there are the caller's to close. */
  close(sessionId: string): Promise<void>;
  /** Sessions that have a directory, whether or not a door is open. */
  left(): Promise<readonly string[]>;
  /** Nobody may connect any more; directories stay for the next start. */
  closeAll(): Promise<void>;
  /** Set once, before the first door is opened. */
  onGuest(listener: (sessionId: string, link: GuestLink) => void): void;
  /** Set once, as `onGuest`: a guest's further connection, which carries one byte stream. */
  onStream(listener: (sessionId: string, link: StreamLink) => void): void;
}
