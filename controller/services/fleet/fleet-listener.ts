import type { StreamRefused__Output } from '../../../proto/generated/raworc/v0/StreamRefused.ts';
import type { NodeId } from '../../domain/engine/ids.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import type { SlotRow } from '../../domain/slots/rows.ts';
import type { Moved } from '../images/image-moves.ts';
import type { StreamEvents } from './node-stream/deps.ts';

/** The byte streams, as far as they depend on the nodes' control streams. */
export interface StreamCarrier {
  /** Returns false for an unknown stream. */
  refused(nodeId: NodeId, refusal: StreamRefused__Output): boolean;
  nodeGone(nodeId: NodeId): void;
  nodeRevoked(nodeId: NodeId): void;
}

/** Is notified when nodes come, go, or finish builds. */
export interface FleetListener {
  live(nodeId: NodeId): void;
  imagesChanged(nodeId: NodeId, lost: readonly string[]): void;
  /** A node lacks the image of one of its sessions. */
  imageMissing?(nodeId: NodeId, session: SessionRow): void;
  slotFailed?(slot: SlotRow): void;
  /** A node ended a pull or push. */
  imageMoved?(nodeId: NodeId, moved: Moved): void;
  conditionsChanged?(nodeId: NodeId): void;
  closed(nodeId: NodeId): void;
  built?(nodeId: NodeId, news: Parameters<StreamEvents['build']>[0]): void;
}
