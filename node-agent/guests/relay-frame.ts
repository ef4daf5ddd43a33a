import type { ControllerFrame } from '../../proto/frame.ts';
import type { Relay } from './relay.ts';

/** The frames of the controller that are for guests. */
export type RelayedFrame = Extract<ControllerFrame, { kind: 'deliver' | 'settled' | 'secrets' | 'stopAgent' | 'cancelMessage' }>;

export function relayFrame(relay: Relay, frame: RelayedFrame): void {
  switch (frame.kind) {
    case 'deliver':
      return relay.deliver(frame.value);
    case 'settled':
      return relay.settled(frame.value);
    case 'secrets':
      return relay.secrets(frame.value);
    case 'stopAgent':
      return relay.stopAgent(frame.value);
    case 'cancelMessage':
      return relay.cancelMessage(frame.value);
    default:
      frame satisfies never;
  }
}
