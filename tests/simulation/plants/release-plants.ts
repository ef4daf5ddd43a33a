import type { Plant } from './plant.ts';

/** Faults in how two releases work together. */
export const RELEASE_PLANTS = {
  'newest version to all': {
    breaks: 'A stream uses the newest version of the protocol that both sides speak.',
    file: 'controller/services/fleet/node-stream/node-stream.ts',
    find: 'return commonVersion(this.facts.spoken, NODE_PROTOCOL) ?? NODE_PROTOCOL.oldest;',
    replace: 'return NODE_PROTOCOL.newest;',
    foundBy: { seed: 9 },
  },
  'older version unnamed': {
    breaks: 'A node agent names the oldest version that it speaks first, as older controllers read it.',
    file: 'proto/versions.ts',
    find: 'protocolVersion: oldest, newestProtocolVersion',
    replace: 'protocolVersion: newest, newestProtocolVersion',
    foundBy: { seed: 9 },
  },
  'images moved to an older release': {
    breaks: 'A node agent that moves no images is not asked to.',
    file: 'controller/services/engine/node-directory.ts',
    find: 'hasRegistry === true && live()?.facts.movesImages === true',
    replace: 'hasRegistry === true && live() !== undefined',
    foundBy: { seed: 16 },
  },
  'image removed by an older release': {
    breaks: 'A node agent that removes no images is not asked to.',
    file: 'controller/services/images/image-collection.ts',
    find: 'if (stream === undefined || !stream.facts.removesImages) return;',
    replace: 'if (stream === undefined) return;',
    foundBy: { seed: 12 },
  },
} satisfies Readonly<Record<string, Plant>>;
