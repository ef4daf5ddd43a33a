import type { NodeFrame } from '../../../proto/frame.ts';
import type { Alarm } from '../../domain/nodes/commands/node-certificates.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import type { Lease } from '../nodes/lease.ts';
import type { FlowControl } from './flow-control.ts';
import type { NodeFacts } from './node-facts.ts';
import type { Outbound } from './outbound.ts';
import type { Stream, StreamEvents } from './stream-deps.ts';
import type { StreamLimits } from './stream-limits.ts';

/** The frames that a node sends, by kind. */
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
  /** As the node's hello says. */
  readonly incarnation: number;
  /** Ends the stream: the node sent what no node agent sends. */
  reject(reason: string): void;
}

/** For each of these kinds, what to do with a frame of a live stream. */
export type Handlers<Some extends Kind = Kind> = { readonly [One in Some]: (stream: Inbound, value: Values[One]) => void };

/** The session, if it is this node's. */
export function ownSession({ shared, nodeId }: Inbound, sessionId: string): SessionRow | undefined {
  const session = shared.view.get('sessions', sessionId);
  return session?.nodeId === nodeId ? session : undefined;
}

/**
 * The node said something of a session that is not its own, or is not any more. One that has taken in all that it should hold, and still
 * speaks of another node's session, is no honest node agent.
 */
export function trespass({ shared, nodeId, name, limits, outbound, isLive }: Inbound, session: string, frame: Kind): void {
  limits.waste(frame);
  const row = shared.view.get('sessions', session);
  if (row === undefined || row.desired === 'deleted') return;
  limits.log('warn', 'node.trespass', { session, frame });
  if (isLive && outbound.agreed) shared.alarms?.raise(nodeId, trespassAlarm(name));
}

const trespassAlarm = (name: string): Alarm => ({
  type: 'Trespass',
  message: `The node ${name} speaks of sessions of other nodes. If its node agent is the one that you installed, report this as a bug; else stop that machine.`,
});
