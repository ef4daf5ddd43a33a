/**
 * Frames as discriminated unions: `{ kind: 'report', value: Report }` for the wire's `oneof body`.
 * Code beyond the codec sees only these, never a half-empty message.
 */
import type { GuestFrame__Output } from './generated/raworc/guest/v0/GuestFrame.ts';
import type { HostFrame__Output } from './generated/raworc/guest/v0/HostFrame.ts';
import type { ControllerFrame__Output } from './generated/raworc/node/v0/ControllerFrame.ts';
import type { NodeFrame__Output } from './generated/raworc/node/v0/NodeFrame.ts';

type FrameOf<Message> = {
  [Kind in Exclude<keyof Message, 'body'>]-?: { readonly kind: Kind; readonly value: NonNullable<Message[Kind]> };
}[Exclude<keyof Message, 'body'>];

/** Node agent to controller. */
export type NodeFrame = FrameOf<NodeFrame__Output>;
/** Controller to node agent. */
export type ControllerFrame = FrameOf<ControllerFrame__Output>;
/** Guest to node agent. */
export type GuestFrame = FrameOf<GuestFrame__Output>;
/** Node agent to guest. */
export type HostFrame = FrameOf<HostFrame__Output>;
