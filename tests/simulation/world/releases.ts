import type { ControllerFrame, NodeFrame } from '../../../proto/frame.ts';
import type { Link } from '../../../proto/link.ts';
import { NODE_PROTOCOL, versionsOf } from '../../../proto/versions.ts';
import { passedOn } from './overhear.ts';
import type { SeededRandom } from './random.ts';

/** The release before this one, which speaks one version of the node protocol. */
const PREVIOUS = NODE_PROTOCOL.oldest;
/** What it does not know. An unknown frame ends its stream. */
const UNKNOWN: ReadonlySet<string> = new Set<(NodeFrame | ControllerFrame)['kind']>([
  'pullImage',
  'pushImage',
  'removeImage',
  'cancelBuild',
  'imageMoved',
  'cancelMessage',
]);

/** Which processes of a run are of the previous release. */
export interface Releases {
  /** A node agent changes its release at a restart, in both directions. */
  isPreviousNode(random: SeededRandom): boolean;
  /** The database only moves forward, so a controller is upgraded once, at its first restart. */
  isPreviousController(start: number): boolean;
}

export function releasesOf(random: SeededRandom): Releases {
  const isMixed = random.chance(0.35);
  const isUpgraded = random.chance(0.3);
  return {
    isPreviousNode: (own) => isMixed && own.chance(0.5),
    isPreviousController: (start) => isMixed && isUpgraded && start === 1,
  };
}

export interface ReleaseDeps {
  readonly name: string;
  readonly violation: (what: string) => void;
}

/** Returns a node's end of a stream as a node agent of the previous release uses it. */
export function asPreviousNode(link: Link<NodeFrame, ControllerFrame>, { name, violation }: ReleaseDeps): Link<NodeFrame, ControllerFrame> {
  return {
    ...passedOn(link),
    send: (frame) => link.send(known(frame)),
    onMessage: (listener) =>
      link.onMessage((frame, bytes) => {
        if (UNKNOWN.has(frame.kind)) return violation(`${name}, of the previous release, was sent ${frame.kind}`);
        if (frame.kind === 'welcome' && frame.value.protocolVersion !== PREVIOUS)
          return violation(`${name} speaks protocol version ${PREVIOUS}, and was welcomed with ${frame.value.protocolVersion}`);
        listener(olderFrame(frame), bytes);
      }),
  };
}

/** Without the fields that the previous release does not know. */
function olderFrame(frame: ControllerFrame): ControllerFrame {
  if (frame.kind === 'heartbeatAck') return { ...frame, value: { ...frame.value, nowMs: 0, caDigest: '' } };
  if (frame.kind !== 'assignmentSet' && frame.kind !== 'assignmentChange') return frame;
  const assignments = frame.value.assignments.map((one) => ({ ...one, slot: false, startWorkers: false }));
  return frame.kind === 'assignmentSet'
    ? { ...frame, value: { ...frame.value, assignments } }
    : { ...frame, value: { ...frame.value, assignments } };
}

/** Returns a controller's end of a stream as a controller of the previous release uses it. */
export function asPreviousController(
  link: Link<ControllerFrame, NodeFrame>,
  { name, violation }: ReleaseDeps,
): Link<ControllerFrame, NodeFrame> {
  return {
    ...passedOn(link),
    send: (frame) => link.send(frame.kind === 'heartbeatAck' ? { ...frame, value: { ...frame.value, nowMs: 0, caDigest: '' } } : frame),
    onMessage: (listener) =>
      link.onMessage((frame, bytes) => {
        if (UNKNOWN.has(frame.kind)) return violation(`${name} sent ${frame.kind} to a controller of the previous release`);
        if (frame.kind === 'hello' && frame.value.protocolVersion !== PREVIOUS)
          return violation(`${name} speaks ${JSON.stringify(versionsOf(frame.value))}, and its controller ${PREVIOUS}`);
        listener(known(frame), bytes);
      }),
  };
}

/** The fields of a hello that the previous release does not have, and the version as it names it. */
const OLDER_HELLO = {
  ...{ protocolVersion: PREVIOUS, newestProtocolVersion: 0, movesImages: false, removesImages: false },
  ...{ machine: '', engine: '', platform: '', cancelsMessages: false, takesSlots: false, buildFeatures: [], profiles: [] },
};

/** Without the fields that the previous release does not know. */
function known(frame: NodeFrame): NodeFrame {
  if (frame.kind === 'hello') return { ...frame, value: { ...frame.value, ...OLDER_HELLO } };
  if (frame.kind === 'build') return { ...frame, value: { ...frame.value, baseImageMissing: false, refusedNow: false } };
  return frame;
}
