/**
 * How long and how large what a node or a guest says may be. What is more comes of no program of ours: its stream ends. A node agent judges
 * what guests say, since it passes it on in its own name: one guest would else end the stream of its whole node.
 */
import { isPlainName } from '../seams/terminal-text.ts';
import type { GuestFrame, NodeFrame } from './frame.ts';

const ID = 128;
const NAME = 512;
const TEXT = 8 * 1024;
const CONTENT = 4 * 1024 * 1024;
/** Of one frame, and of all that a node has. */
export const MOST_IMAGES = 10_000;
export const MOST_ORPHANS = 10_000;
const MOST_CONDITIONS = 1000;
const MOST_WORKERS = 10_000;
/** Sessions of one inventory, in all of its parts. */
export const MOST_REPORTS = 100_000;
/** The last millisecond of the year 9999. A larger number is no time that can be written, and no count or size either; it can be one that the store cannot keep. */
const LARGEST = 253_402_300_799_999;

/** Names, ids and versions are shown and logged: a terminal must not act on them. */
const isDeceptive = (value: unknown, most: number): boolean => most <= NAME && typeof value === 'string' && !isPlainName(value);

type Bound = readonly [field: string, value: { readonly length: number }, most: number];

/** Which field is too long or too large; undefined when none is. */
export const beyondBounds = (frame: NodeFrame): string | undefined => fault(frame, boundsOf(frame));

/** As {@link beyondBounds}, of a guest's frame. */
export const guestBeyondBounds = (frame: GuestFrame): string | undefined => fault(frame, guestBounds(frame));

function fault(frame: NodeFrame | GuestFrame, bounds: readonly Bound[]): string | undefined {
  for (const [field, value, most] of bounds) {
    if (value.length > most) return `${frame.kind}.${field} is too long`;
    if (isDeceptive(value, most)) return `${frame.kind}.${field} holds control characters`;
  }
  return holdsTooLarge(frame.value) ? `a number in ${frame.kind} is too large` : undefined;
}

function holdsTooLarge(value: unknown): boolean {
  if (typeof value === 'number') return !(value <= LARGEST);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  for (const one of Object.values(value)) if (holdsTooLarge(one)) return true;
  return false;
}

function boundsOf(frame: NodeFrame): Bound[] {
  switch (frame.kind) {
    case 'hello': {
      const { agentVersion, clusterId, driver, hostname } = frame.value;
      return [
        ['agent_version', agentVersion, ID],
        ['cluster_id', clusterId, ID],
        ['driver', driver, ID],
        ['hostname', hostname, NAME],
      ];
    }
    case 'inventory':
      return [
        ...frame.value.sessions.flatMap(reportBounds),
        ...frame.value.orphans.flatMap(orphanBounds),
        ...imageBounds(frame.value.images),
        ...frame.value.tombstones.map(({ sessionId }): Bound => ['session_id', sessionId, ID]),
      ];
    case 'report':
      return reportBounds(frame.value);
    case 'orphans':
      return [['orphans', frame.value.orphans, MOST_ORPHANS], ...frame.value.orphans.flatMap(orphanBounds)];
    case 'images':
      return imageBounds(frame.value.images);
    case 'removed':
      return [['session_id', frame.value.sessionId, ID]];
    case 'build':
      return [
        ['build_id', frame.value.buildId, ID],
        ['image_id', frame.value.imageId, NAME],
        ['error', frame.value.error, TEXT * 8],
      ];
    case 'imageMissing':
      return [
        ['session_id', frame.value.sessionId, ID],
        ['image', frame.value.image, NAME],
      ];
    case 'conditions':
      return [
        ['conditions', frame.value.conditions, MOST_CONDITIONS],
        ...frame.value.conditions.flatMap(({ type, message }): Bound[] => [
          ['type', type, ID],
          ['message', message, TEXT],
        ]),
      ];
    case 'disk':
      return [['session_id', frame.value.sessionId, ID]];
    case 'setPartTaken':
    case 'setJudged':
      return [['set_id', frame.value.setId, ID]];
    case 'heartbeat':
    case 'shutdownDone':
      return [];
    default:
      return relayedBounds(frame);
  }
}

function guestBounds(frame: GuestFrame): Bound[] {
  switch (frame.kind) {
    case 'hello':
      return [
        ['session_id', frame.value.sessionId, ID],
        ['guest_version', frame.value.guestVersion, ID],
      ];
    case 'drained':
      return [];
    default:
      return relayedBounds(frame);
  }
}

/** What guests say and their node agents pass on. */
function relayedBounds(frame: Exclude<GuestFrame, { kind: 'hello' | 'drained' }>): Bound[] {
  switch (frame.kind) {
    case 'accepted':
      return [
        ['session_id', frame.value.sessionId, ID],
        ['message_id', frame.value.messageId, ID],
      ];
    case 'runStarted':
      return runBounds(frame.value);
    case 'answer':
      return [...runBounds(frame.value), ['reason', frame.value.reason, TEXT], ['content', frame.value.content, CONTENT]];
    case 'delta':
      return [['session_id', frame.value.sessionId, ID]];
    case 'log':
      return [
        ['session_id', frame.value.sessionId, ID],
        ['agent', frame.value.agent, NAME],
        ['run_id', frame.value.runId, ID],
        ['line', frame.value.line, CONTENT],
      ];
    case 'workers':
      return [
        ['session_id', frame.value.sessionId, ID],
        ['workers', frame.value.workers, MOST_WORKERS],
        ...frame.value.workers.map(({ agent }): Bound => ['agent', agent, NAME]),
      ];
    case 'lines':
      return [
        ['session_id', frame.value.sessionId, ID],
        ['request_id', frame.value.requestId, ID],
      ];
    case 'limitReached':
      return [
        ['session_id', frame.value.sessionId, ID],
        ['limit', frame.value.limit, ID],
        ['agent', frame.value.agent, NAME],
      ];
    case 'secretsRequest':
      return [['session_id', frame.value.sessionId, ID]];
    default:
      return frame satisfies never;
  }
}

function reportBounds({
  sessionId,
  containerId,
  volume,
  reason,
}: {
  sessionId: string;
  containerId: string;
  volume: string;
  reason: string;
}): Bound[] {
  return [
    ['session_id', sessionId, ID],
    ['container_id', containerId, ID],
    ['volume', volume, NAME],
    ['reason', reason, TEXT],
  ];
}

function orphanBounds(orphan: { sessionId: string; containerId: string; volume: string; space: string; image: string }): Bound[] {
  return [
    ['session_id', orphan.sessionId, ID],
    ['container_id', orphan.containerId, ID],
    ['volume', orphan.volume, NAME],
    ['space', orphan.space, NAME],
    ['image', orphan.image, NAME],
  ];
}

function runBounds({
  sessionId,
  messageId,
  runId,
  agent,
}: {
  sessionId: string;
  messageId: string;
  runId: string;
  agent: string;
}): Bound[] {
  return [
    ['session_id', sessionId, ID],
    ['message_id', messageId, ID],
    ['run_id', runId, ID],
    ['agent', agent, NAME],
  ];
}

const imageBounds = (images: readonly string[]): Bound[] => [
  ['images', images, MOST_IMAGES],
  ...images.map((image): Bound => ['images', image, NAME]),
];
