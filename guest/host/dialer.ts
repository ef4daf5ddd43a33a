import type { GuestFrame, HostFrame } from '../../proto/frame.ts';
import type { Link } from '../../proto/link.ts';
import type { StreamLink } from '../../proto/streams/stream-frame.ts';

export type HostLink = Link<GuestFrame, HostFrame>;

/**
 * Connects to the node agent: over the session's Unix socket in production, over a simulated
 * network in tests.
 */
export interface HostDialer {
  /** Makes one attempt to connect. Rejects if nobody listens. */
  connect(): Promise<HostLink>;
  /** Makes one attempt to open another connection, for one byte stream. */
  stream?(): Promise<StreamLink>;
  /** Resolves when the node agent can have started to listen, or when `signal` aborts. */
  opened(signal: AbortSignal): Promise<void>;
}
