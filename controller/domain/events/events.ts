import { integer, json, type RowOf, text } from '../engine/fields.ts';
import type { SessionId, SpaceId } from '../engine/ids.ts';

/** Event types: the kind of resource, a dot, and what happened to it. */
export const EVENT_TYPES = [
  'session.created',
  'session.updated',
  'session.state',
  'session.deleted',
  'session.remixed',
  'session.disk_full',
  'session.disk_room',
  'session.limits_lowered',
  'session.exec',
  'session.terminal_opened',
  'session.terminal_closed',
  'session.port_shared',
  'session.port_unshared',
  'message.created',
  'message.accepted',
  'messages.cleared',
  'run.started',
  'build.created',
  'build.state',
  'agent.changed',
  'agent.deleted',
  'account.created',
  'account.updated',
  'account.deleted',
  'role.created',
  'role.deleted',
  'role-binding.created',
  'role-binding.deleted',
  'api-key.created',
  'api-key.deleted',
  'space.created',
  'space.updated',
  'space.deleted',
  'secrets.changed',
  'node.joined',
  'node.ready',
  'node.unreachable',
  'node.lost',
  'node.alarm',
  'node.updated',
  'node.draining',
  'node.drain_progress',
  'node.drained',
  'node.removed',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** The grammar of event types. On the bus a type is two tokens of a subject. */
export const EVENT_TYPE = /^[a-z]+(?:-[a-z]+)*\.[a-z]+(?:_[a-z]+)*$/;

/**
 * An immutable fact. `number` grows by 1 across the whole cluster without gaps, `sessionNumber`
 * within its session.
 */
export const EVENTS = {
  number: integer(),
  type: text<EventType>(),
  spaceId: text<SpaceId | null>(),
  sessionId: text<SessionId | null>(),
  sessionNumber: integer<number | null>(),
  /** The resource as REST shows it. */
  data: json<Readonly<Record<string, unknown>>>(),
  /** Unix milliseconds. */
  at: integer(),
};
export interface StoredEvent extends RowOf<typeof EVENTS> {}

/** An event as a command returns it. The applier adds number and time. */
export type NewEvent = Omit<StoredEvent, 'number' | 'sessionNumber' | 'at'>;

/** Returns an event of something that belongs to no space. */
export const globalEvent = (type: EventType, data: NewEvent['data']): NewEvent => ({ type, spaceId: null, sessionId: null, data });

/** A reader's position: it has read everything up to `number` in `epoch`. */
export interface EventPosition {
  readonly epoch: number;
  readonly number: number;
}

/** Partial output of a run, numbered from 1 within the run. Never stored. */
export interface DeltaNews {
  readonly spaceId: SpaceId;
  readonly sessionId: SessionId;
  readonly messageId: string;
  readonly runId: string;
  readonly agent: string;
  readonly number: number;
  readonly text: string;
}

/**
 * One line of an agent's output. Never stored by the controller; `dropped` lines were lost before
 * it.
 */
export interface LogNews {
  readonly spaceId: SpaceId;
  readonly sessionId: SessionId;
  readonly runId: string;
  readonly agent: string;
  readonly stream: 'stdout' | 'stderr';
  readonly line: string;
  readonly at: number;
  readonly dropped: number;
}
