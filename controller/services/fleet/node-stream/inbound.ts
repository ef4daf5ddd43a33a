import type { NodeFrame } from '../../../../proto/frame.ts';
import type { Alarm } from '../../../domain/nodes/commands/node-certificates.ts';
import type { SessionRow } from '../../../domain/sessions/rows.ts';
import type { Lease } from '../../nodes/lease.ts';
import type { Stream, StreamEvents } from './deps.ts';
import type { FlowControl } from './flow-control.ts';
import type { NodeFacts } from './node-facts.ts';
import type { Outbound } from './outbound.ts';
import type { StreamLimits } from './stream-limits.ts';

/** The frames of a node, by kind. */
type Values = { readonly [One in NodeFrame as One['kind']]: One['value'] };
export type Kind = keyof Values;
export type Frame<Some extends Kind> = { readonly [One in Some]: { readonly kind: One; readonly value: Values[One] } }[Some];

/** A stream, as the handlers of its node's frames see it. */
export interface Inbound extends Stream {
  readonly events: StreamEvents;
  readonly lease: Lease;
  readonly flow: FlowControl;
  readonly limits: StreamLimits;
  readonly facts: NodeFacts;
  readonly outbound: Outbound;
  /** From the node's hello. */
  readonly incarnation: number;
  /** Added to the boot numbers of its reports, so that they are newer than those of earlier processes. */
  readonly bootShift: number;
  /** Ends the stream because the node violated the protocol or a bound. */
  reject(reason: string): void;
}

/** A handler of live streams for each of these kinds. */
export type Handlers<Some extends Kind = Kind> = { readonly [One in Some]: (stream: Inbound, value: Values[One]) => void };

/** Returns the session if it belongs to this node. */
export function ownSession({ shared, nodeId }: Inbound, sessionId: string): SessionRow | undefined {
  const session = shared.view.get('sessions', sessionId);
  return session?.nodeId === nodeId ? session : undefined;
}

/**
 * Charges a frame that this node has no right to send: its session is deleted, on another node, or
 * placed here again since. An honest node agent with the current set never sends one about a session
 * of another node, so that raises an alarm.
 */
export function refuseFrame({ shared, nodeId, name, limits, outbound, isLive }: Inbound, session: string, frame: Kind): void {
  limits.chargeWaste(frame);
  const row = shared.view.get('sessions', session);
  if (row === undefined || row.desired === 'deleted' || row.nodeId === nodeId) return;
  limits.log('warn', 'node.trespass', { session, frame });
  if (isLive && outbound.agreed) shared.alarms?.raise(nodeId, trespassAlarm(name));
}

const trespassAlarm = (name: string): Alarm => ({
  type: 'Trespass',
  message: `The node ${name} reported a session of another node. Report a bug if its node agent is unmodified; otherwise stop the machine.`,
});
