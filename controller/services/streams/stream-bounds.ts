import { STREAM_REASONS, type StreamReason } from '../../../proto/streams/reasons.ts';
import { SHARED } from '../../../proto/streams/shared-stream.ts';
import type { NodeId } from '../../domain/engine/ids.ts';
import { type Outcome, type Refusal, refused } from '../../domain/engine/outcome.ts';

/**
 * Open and opening streams per session and per node. The budget `byte_streams` limits those of a
 * caller and of the process.
 */
export const MAX_BYTE_STREAMS = { ofSession: 60, ofNode: 256 } as const;

/** Shared streams per node. Short streams of further sessions have calls of their own. */
export const MAX_SHARED_STREAMS = 128;

interface Counted {
  readonly nodeId: NodeId;
  readonly kind: string;
  readonly isChannel: boolean;
}

/** Counts the streams of each node. */
export class NodeCounts {
  readonly #ofNode = new Map<NodeId, { requested: number; channels: number; shared: number }>();

  add({ nodeId, kind, isChannel }: Counted, by: 1 | -1): void {
    const counts = this.#ofNode.get(nodeId) ?? { requested: 0, channels: 0, shared: 0 };
    if (kind === SHARED) counts.shared += by;
    else counts.requested += by;
    if (isChannel) counts.channels += by;
    if (counts.requested + counts.shared === 0) this.#ofNode.delete(nodeId);
    else this.#ofNode.set(nodeId, counts);
  }

  /** Streams that clients asked for. */
  requested(nodeId: NodeId): number {
    return this.#ofNode.get(nodeId)?.requested ?? 0;
  }

  shared(nodeId: NodeId): number {
    return this.#ofNode.get(nodeId)?.shared ?? 0;
  }

  /** Streams with calls of their own. */
  calls(nodeId: NodeId): number {
    const { requested = 0, channels = 0, shared = 0 } = this.#ofNode.get(nodeId) ?? {};
    return requested - channels + shared;
  }
}

const CODES: Readonly<Partial<Record<StreamReason, Refusal['code']>>> = { too_many: 'RATE_LIMITED', session_ended: 'CONFLICT' };

export const refusalOf = (reason: StreamReason, message = ''): Outcome<never> =>
  refused(CODES[reason] ?? 'UNAVAILABLE', message === '' ? STREAM_REASONS[reason] : message, { reason });

export function tooMany(of: 'session' | 'node'): Outcome<never> {
  const most = of === 'session' ? MAX_BYTE_STREAMS.ofSession : MAX_BYTE_STREAMS.ofNode;
  const message = `Too many byte streams are open to this ${of}: at most ${most} at once. Close some, then retry.`;
  return refused('RATE_LIMITED', message, { scope: of, most, retry_after_s: 5 });
}
