import type { GuestFrame, HostFrame } from '../../proto/frame.ts';
import type { Link } from '../../proto/link.ts';
import type { StreamLink } from '../../proto/streams/stream-frame.ts';

export type HostLink = Link<GuestFrame, HostFrame>;

/**
 * The way to the node agent, handed in: the session's Unix socket in production, the simulated
 * network in tests.
 */
export interface Door {
  /** One attempt. Rejects when nobody listens. */
  connect(): Promise<HostLink>;
  /** One attempt at a further connection, which carries one byte stream. */
  stream?(): Promise<StreamLink>;
  /** Resolves when somebody may have begun to listen, or when `signal` aborts. */
  opened(signal: AbortSignal): Promise<void>;
}
