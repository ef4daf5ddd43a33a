import type { BuildFeature } from '../../../../proto/build-features.ts';
import type { Condition__Output } from '../../../../proto/generated/raworc/node/v0/Condition.ts';
import type { Orphan__Output } from '../../../../proto/generated/raworc/node/v0/Orphan.ts';
import { NODE_PROTOCOL, type Versions } from '../../../../proto/versions.ts';
import { visibleText } from '../../../../seams/terminal-text.ts';
import type { SessionId } from '../../../domain/engine/ids.ts';
import type { StreamMemory } from './stream-memory.ts';

/** Overhead per stored name. */
const NAME_OVERHEAD_BYTES = 32;
/** Per node; further ones are ignored. */
const MAX_CONDITIONS = 32;

/** A condition that a node reports, and since when on this controller's clock. */
export interface StreamCondition extends Condition__Output {
  readonly since: number;
}

/**
 * What a node last reported: images, orphans, conditions. {@link StreamMemory} bounds the names.
 */
export class NodeFacts {
  readonly #memory: StreamMemory;
  readonly #images = new Set<string>();
  /** Versions of the protocol that its node agent speaks, from its hello. */
  spoken: Versions = NODE_PROTOCOL;
  /** Whether its node agent moves images, from its hello. */
  movesImages = false;
  /** What tells its engine from others, from its hello. Empty: unknown. */
  engine = '';
  /** Whether its node agent removes images, from its hello. */
  removesImages = false;
  /** Whether its node agent takes cancelled messages, from its hello. */
  cancelsMessages = false;
  /** Whether its node agent knows slots, from its hello. */
  takesSlots = false;
  /** What its node agent can do in builds, from its hello. */
  buildFeatures: ReadonlySet<BuildFeature> = new Set();
  /** The profiles that its sessions can have, from its hello. */
  profiles: ReadonlySet<string> = new Set();
  /** Whether each session's disk is full. */
  readonly fullDisks = new Map<SessionId, boolean>();
  #orphans: readonly Orphan__Output[] = [];
  #conditions: readonly StreamCondition[] = [];

  constructor(memory: StreamMemory) {
    this.#memory = memory;
  }

  get images(): ReadonlySet<string> {
    return this.#images;
  }

  get orphans(): readonly Orphan__Output[] {
    return this.#orphans;
  }

  get conditions(): readonly StreamCondition[] {
    return this.#conditions;
  }

  /** Records an image before the node reports it: a session created at once needs it. */
  addImage(image: string): void {
    this.#images.add(image);
  }

  removeImage(image: string): void {
    this.#images.delete(image);
  }

  /** Returns the images that disappeared; undefined (unchanged) if the names are too long. */
  setImages(images: ReadonlySet<string>): readonly string[] | undefined {
    if (!this.fits(images, this.#orphans)) return undefined;
    const lost = [...this.#images].filter((image) => !images.has(image));
    this.#images.clear();
    for (const image of images) this.#images.add(image);
    return lost;
  }

  /** Returns the new orphans; undefined (unchanged) if the names are too long. */
  setOrphans(orphans: readonly Orphan__Output[]): readonly Orphan__Output[] | undefined {
    if (!this.fits(this.#images, orphans)) return undefined;
    const known = new Set(this.#orphans.map(({ sessionId }) => sessionId));
    this.#orphans = orphans;
    return orphans.filter(({ sessionId }) => !known.has(sessionId));
  }

  /** Returns the conditions with new types. */
  setConditions(conditions: readonly Condition__Output[], now: number): readonly StreamCondition[] {
    const before = new Set(this.#conditions.map(({ type }) => type));
    this.#conditions = conditions
      .slice(0, MAX_CONDITIONS)
      .map((one) => ({ ...one, message: visibleText(one.message), since: Math.max(0, Math.floor(now - one.sinceMs)) }));
    return this.#conditions.filter(({ type }) => !before.has(type));
  }

  /** Reserves memory for these names. Returns false if it is too much. */
  fits(images: Iterable<string>, orphans: readonly Orphan__Output[]): boolean {
    let bytes = 0;
    for (const image of images) bytes += 2 * image.length + NAME_OVERHEAD_BYTES;
    for (const { sessionId, containerId, volume, space, image } of orphans)
      bytes += 2 * (sessionId.length + containerId.length + volume.length + space.length + image.length) + 5 * NAME_OVERHEAD_BYTES;
    return this.#memory.keep(this, bytes);
  }

  close(): void {
    this.#memory.forget(this);
  }
}
