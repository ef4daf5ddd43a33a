import { MAX_IMAGES, MAX_ORPHANS, MAX_REPORTS } from '../../../../proto/frame-bounds.ts';
import type { Inventory__Output } from '../../../../proto/generated/raworc/node/v0/Inventory.ts';
import { type Command, unchanged } from '../../../domain/engine/command.ts';
import { sessionsMissing } from '../../../domain/nodes/commands/nodes.ts';
import { InventoryParts } from '../inventory.ts';
import { DEFAULT_FRAME_BYTES } from './flow-control.ts';
import type { Inbound } from './inbound.ts';
import { setOrphans } from './node-frames.ts';
import { report } from './session-frames.ts';

/**
 * Receives the inventory of a stream before it is live. Its reports are decided first, then
 * sessions missing in it are recorded, then `done` is called.
 */
export class Listing {
  readonly #stream: Inbound;
  readonly #done: () => void;
  readonly #parts = new InventoryParts();
  /** Frames after the inventory, to be handled once the stream is live. */
  readonly #early: (() => void)[] = [];
  #isComplete = false;
  #isOver = false;

  constructor(stream: Inbound, done: () => void) {
    this.#stream = stream;
    this.#done = done;
  }

  /** Whether the last part has arrived. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  take(inventory: Inventory__Output): void {
    const { limits, facts, flow, shared } = this.#stream;
    const { part, more, sessions } = inventory;
    if (!this.#parts.take(inventory)) return this.#stream.reject(`part ${part} of the inventory does not follow the part before it`);
    if (this.#parts.orphans.length > MAX_ORPHANS) return this.#stream.reject(`the node has more than ${MAX_ORPHANS} orphans: remove some`);
    if (this.#parts.images.size > MAX_IMAGES)
      return this.#stream.reject(`the node has too many images, more than ${MAX_IMAGES}: remove some`);
    if (this.#parts.held > MAX_REPORTS) return this.#stream.reject(`the node has more than ${MAX_REPORTS} sessions`);
    if (!facts.fits(this.#parts.images, this.#parts.orphans))
      return this.#stream.reject('the image and orphan names of the node are too long in total');
    if (inventory.sessions.length + inventory.images.length + inventory.orphans.length === 0 && more) limits.chargeWaste('inventory');
    flow.frameBytes = DEFAULT_FRAME_BYTES;
    for (const one of sessions) report(this.#stream, one);
    if (more)
      return flow.decide(shared.applier.apply(afterwards), () => void this.#stream.send({ kind: 'inventoryTaken', value: { part } }));
    for (const image of this.#parts.images) facts.addImage(image);
    setOrphans(this.#stream, this.#parts.orphans);
    this.#isComplete = true;
    flow.decide(shared.applier.apply(afterwards), () => this.#recordMissing());
  }

  /**
   * Handles a frame once the stream is live: the node does not wait until its inventory is decided.
   */
  later(handle: () => void): void {
    this.#stream.flow.decide(new Promise<void>((resolve) => this.#early.push(resolve)), handle);
  }

  /** Handles the waiting frames, once the stream is live or has ended. */
  end(): void {
    this.#isOver = true;
    for (const resolve of this.#early.splice(0)) resolve();
  }

  #recordMissing(): void {
    const { shared, nodeId, flow } = this.#stream;
    const missing = this.#parts.missing(shared.view, nodeId);
    shared.slices.repeat(
      () => {
        if (this.#isOver) return false;
        const next = missing.next();
        if (next.done === true) {
          this.#done();
          return false;
        }
        if (next.value.length > 0) flow.decide(shared.applier.apply(sessionsMissing(nodeId, next.value)), () => undefined);
        return true;
      },
      (error) => this.#stream.failed(error),
    );
  }
}

/** A no-op command: it is decided after all earlier ones. */
const afterwards: Command<undefined> = { name: 'afterwards', decide: () => unchanged(undefined) };
