/**
 * Bounds on the fields of frames from nodes and guests: length, size and characters. None of our
 * own programs exceeds them, so an excess ends the stream. The node agent checks its guests' frames
 * before it relays them: otherwise one guest could end the stream of its whole node.
 *
 * The tables are complete by their types: a text or list field without a bound does not compile.
 */
import { isPlainName } from '../seams/terminal-text.ts';
import type { GuestFrame, NodeFrame } from './frame.ts';

/** Bounds of one node, and of one frame. */
export const MAX_IMAGES = 10_000;
export const MAX_ORPHANS = 10_000;
/** Sessions in one inventory, over all its parts. */
export const MAX_REPORTS = 100_000;
/** Hops of one user message. Their texts together are bounded by the guest. */
export const MAX_HOPS = 128;
/**
 * The last millisecond of the year 9999, the largest time that has an ISO form. No count or size
 * reaches it, and larger numbers can exceed what the store keeps.
 */
const LARGEST = 253_402_300_799_999;

interface Text {
  readonly most: number;
  /** Every character must match; undefined allows all. */
  readonly of?: RegExp;
}

interface List<Item> {
  readonly most: number;
  readonly each: Item;
}

/** Enums are text too, but the decoder checks those. */
type Bound<Field> = string extends Field
  ? Text
  : Field extends readonly (infer Item)[]
    ? List<string extends Item ? Text : Shape<Item>>
    : never;
type Shape<Message> = { readonly [Name in keyof Message as Bound<Message[Name]> extends never ? never : Name]: Bound<Message[Name]> };
type Shapes<Frame extends { kind: string; value: object }> = {
  readonly [Kind in Frame['kind']]: Shape<Extract<Frame, { kind: Kind }>['value']>;
};
type ValueOf<Kind extends (NodeFrame | GuestFrame)['kind']> = Extract<NodeFrame | GuestFrame, { kind: Kind }>['value'];

const WORD = /^[\w-]*$/;
/** For ids and for names of images, containers, volumes and hosts. */
const NAME_CHARACTERS = /^[\w.:/@+-]*$/;
const ID: Text = { most: 128, of: NAME_CHARACTERS };
const NAME: Text = { most: 512, of: NAME_CHARACTERS };
const AGENT: Text = { most: 128, of: NAME_CHARACTERS };
const SENTENCES: Text = { most: 8 * 1024 };

const report = { sessionId: ID, containerId: ID, volume: NAME, reason: SENTENCES, isolation: { most: 64, of: /^[a-z-]*$/ } };
const orphan = { sessionId: ID, containerId: ID, volume: NAME, space: NAME, image: NAME };
const orphans = { most: MAX_ORPHANS, each: orphan };
const hop = {
  ...{ id: ID, parentId: ID, fromAgent: AGENT, toAgent: AGENT, runId: ID },
  ...{ content: { most: 1024 * 1024 }, answer: { most: 1024 * 1024 }, reason: { most: 64, of: WORD } },
};
const images = { most: MAX_IMAGES, each: NAME };

/** Frames that node agents relay from guests. */
const RELAYED: Shapes<Extract<NodeFrame, { kind: Exclude<GuestFrame['kind'], 'hello'> }>> = {
  accepted: { sessionId: ID, messageId: ID },
  runStarted: { sessionId: ID, messageId: ID, runId: ID, agent: AGENT },
  delta: { sessionId: ID, messageId: ID, runId: ID, agent: AGENT, text: { most: 1024 * 1024 } },
  answer: {
    ...{ sessionId: ID, messageId: ID, runId: ID, agent: AGENT },
    content: { most: 4 * 1024 * 1024 },
    reason: { most: 64, of: WORD },
    hops: { most: MAX_HOPS, each: hop },
    model: { most: 255, of: /^[!-~]*$/ },
  },
  workers: { sessionId: ID, workers: { most: 1000, each: { agent: AGENT } } },
  limitReached: { sessionId: ID, limit: { most: 64, of: WORD }, agent: AGENT },
  streamRefused: { sessionId: ID, ticket: ID, reason: { most: 64, of: WORD }, message: { most: 1024 } },
  secretsRequest: { sessionId: ID },
};

const NODE: Shapes<NodeFrame> = {
  ...RELAYED,
  hello: {
    agentVersion: ID,
    clusterId: ID,
    driver: ID,
    hostname: NAME,
    machine: ID,
    engine: ID,
    platform: ID,
    buildFeatures: { most: 32, each: { most: 64, of: WORD } },
    profiles: { most: 8, each: { most: 64, of: WORD } },
  },
  inventory: {
    sessions: { most: MAX_REPORTS, each: report },
    images,
    tombstones: { most: MAX_REPORTS, each: { sessionId: ID } },
    orphans,
  },
  heartbeat: {},
  report,
  removed: { sessionId: ID },
  orphans: { orphans },
  images: { images },
  imageMissing: { sessionId: ID, image: NAME },
  imageMoved: { image: NAME, error: SENTENCES },
  build: {
    ...{ buildId: ID, imageId: NAME, error: { most: 64 * 1024 }, ownBaseAgent: AGENT, ownBaseImage: NAME },
    stages: { most: 16, each: { name: { most: 64, of: WORD } } },
  },
  conditions: { conditions: { most: 64, each: { type: { most: 64, of: WORD }, message: { most: 2048 } } } },
  disk: { sessionId: ID },
  setPartTaken: { setId: ID },
  setJudged: { setId: ID },
  shutdownDone: {},
};

const GUEST: Shapes<GuestFrame> = {
  ...RELAYED,
  hello: { sessionId: ID, guestVersion: ID } satisfies Shape<Extract<GuestFrame, { kind: 'hello' }>['value']>,
  drained: {} satisfies Shape<ValueOf<'drained'>>,
  log: {},
};

/**
 * Returns the field that is too long, too large or malformed, with the problem; undefined when all
 * are valid.
 */
export const beyondBounds = (frame: NodeFrame): string | undefined => fault(frame, NODE);

/** The same as {@link beyondBounds}, for a guest's frame. */
export const guestBeyondBounds = (frame: GuestFrame): string | undefined => fault(frame, GUEST);

function fault(frame: NodeFrame | GuestFrame, shapes: Readonly<Record<string, object>>): string | undefined {
  const found = faultIn(frame.value, shapes[frame.kind] ?? {});
  if (found !== undefined) return `${frame.kind}.${found}`;
  return hasTooLarge(frame.value) ? `a number in ${frame.kind} is too large` : undefined;
}

/** The types of the tables guarantee that the value and its bounds have the same fields. */
function faultIn(value: object, shape: object): string | undefined {
  const fields: Readonly<Record<string, unknown>> = { ...value };
  for (const [name, bound] of Object.entries(shape)) {
    const field = fields[name];
    if (typeof field === 'string' || Array.isArray(field)) {
      const found = faultOf(field, bound);
      if (found === 'long') return `${snakeCase(name)} is too long`;
      if (found === 'controls') return `${snakeCase(name)} contains control characters`;
      if (found === 'characters') return `${snakeCase(name)} contains invalid characters`;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function faultOf(field: string | readonly unknown[], bound: Text & List<Text | object>): string | undefined {
  if (field.length > bound.most) return 'long';
  if (typeof field === 'string') {
    if (bound.of === undefined || bound.of.test(field)) return undefined;
    return isPlainName(field) ? 'characters' : 'controls';
  }
  for (const item of field) {
    if (typeof item === 'string') {
      const found = faultOf(item, { each: {}, most: 0, ...bound.each });
      if (found !== undefined) return found;
    } else if (typeof item === 'object' && item !== null) {
      const found = faultIn(item, bound.each);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

const snakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function hasTooLarge(value: unknown): boolean {
  if (typeof value === 'number') return !(value <= LARGEST);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  for (const one of Object.values(value)) if (hasTooLarge(one)) return true;
  return false;
}
