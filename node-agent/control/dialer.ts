import type { ControllerFrame, NodeFrame } from '../../proto/frame.ts';
import type { Link } from '../../proto/link.ts';
import type { StreamLink } from '../../proto/streams/stream-frame.ts';

/** The way to the controller, handed in: gRPC in production, the simulated network in tests. */
export interface Dialer {
  /** One attempt. Rejects when no stream came up; reconnecting is the caller's. */
  dial(signal: AbortSignal): Promise<Link<NodeFrame, ControllerFrame>>;
  /**
   * Opens a call for one byte stream. It accepts writes before it is up, and closes with a fault if
   * it never is.
   */
  stream(signal: AbortSignal): Promise<StreamLink>;
  /**
   * Returns the packed source (tar.gz) of that digest in chunks. Rejects when it is unknown or not
   * for this node.
   */
  fetchSource(digest: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
}
