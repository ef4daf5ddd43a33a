/** How long what a node says may be. What is longer comes of no node agent of ours: the stream ends. */
import type { NodeFrame } from '../../../proto/frame.ts';

const ID = 128;
const NAME = 512;
const TEXT = 8 * 1024;
const CONTENT = 4 * 1024 * 1024;
/** Of one frame, and of all that a node has. */
export const MOST_IMAGES = 10_000;
export const MOST_ORPHANS = 10_000;

type Bound = readonly [field: string, value: { readonly length: number }, most: number];

/** Which field is too long; undefined when none is. */
export function tooLong(frame: NodeFrame): string | undefined {
  for (const [field, value, most] of boundsOf(frame)) if (value.length > most) return `${frame.kind}.${field}`;
  return undefined;
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
      return [['session_id', frame.value.sessionId, ID], ...frame.value.workers.map(({ agent }): Bound => ['agent', agent, NAME])];
    case 'lines':
      return [
        ['session_id', frame.value.sessionId, ID],
        ['request_id', frame.value.requestId, ID],
      ];
    case 'imageMissing':
      return [
        ['session_id', frame.value.sessionId, ID],
        ['image', frame.value.image, NAME],
      ];
    case 'conditions':
      return frame.value.conditions.flatMap(({ type, message }): Bound[] => [
        ['type', type, ID],
        ['message', message, TEXT],
      ]);
    default:
      return [];
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
