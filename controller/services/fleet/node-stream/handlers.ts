import type { Frame, Handlers, Inbound, Kind } from './inbound.ts';
import { MESSAGE_FRAMES } from './message-frames.ts';
import { NODE_FRAMES } from './node-frames.ts';
import { SESSION_FRAMES } from './session-frames.ts';

/** One handler for each kind of frame. */
const HANDLERS: Handlers = { ...NODE_FRAMES, ...SESSION_FRAMES, ...MESSAGE_FRAMES };

/** Handles a frame of a live stream. */
export function handle<One extends Kind>(stream: Inbound, frame: Frame<One>): void {
  HANDLERS[frame.kind](stream, frame.value);
}
