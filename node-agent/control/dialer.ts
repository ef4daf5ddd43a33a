import type { ControllerFrame, NodeFrame } from '../../proto/frame.ts';
import type { PutSourceResponse__Output as PutSourceResponse } from '../../proto/generated/raworc/node/v0/PutSourceResponse.ts';
import type { Link } from '../../proto/link.ts';
import type { StreamLink } from '../../proto/streams/stream-frame.ts';

export interface SourceHeader {
  readonly buildId: string;
  readonly agent: string;
  readonly commit: string;
}

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
  /**
   * Hands over the source of an agent that was fetched for a build: a tar.gz, or nothing if the
   * controller knows the commit. Returns the source as part of the build, or why it was refused.
   */
  putSource(header: SourceHeader, data: AsyncIterable<Uint8Array> | undefined, signal: AbortSignal): Promise<PutSourceResponse>;
}
