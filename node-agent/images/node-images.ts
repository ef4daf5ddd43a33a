import type { ControllerFrame } from '../../proto/frame.ts';
import type { Timer } from '../../seams/clock.ts';
import type { Conditions } from '../conditions.ts';
import type { Outbox } from '../control/outbox.ts';
import { within } from '../engine/deadline.ts';
import type { Host } from '../host.ts';
import { Builder } from './builder.ts';
import { restore } from './find-or-restore.ts';
import { ImageMoves } from './image-moves.ts';
import { ImageRemovals } from './image-removals.ts';

/** Within this, the largest copy is loaded from a slow disk. */
const RESTORE_LIMIT_MS = 10 * 60_000;

export interface NodeImagesDeps extends Pick<Host, 'driver' | 'dialer' | 'clock' | 'random' | 'log' | 'metrics'> {
  readonly conditions: Conditions;
  readonly outbox: Outbox;
  /** How long a build can take. */
  readonly limitMs?: number | undefined;
  /** Returns whether an assigned session of this node starts from an image. */
  hasSession(image: string): boolean;
  /** An image was pulled. */
  arrived(image: string): void;
  /** Nothing can bring an image. */
  gone(image: string, reason: string): void;
}

export type ImageFrame = Extract<
  ControllerFrame,
  { kind: 'build' | 'cancelBuild' | 'pullImage' | 'pushImage' | 'makeImage' | 'removeImage' | 'imageGone' }
>;

/** The images of this node: builds, moves and removals that the controller asks for, and its own copies. */
export class NodeImages {
  readonly #builder: Builder;
  readonly #moves: ImageMoves;
  readonly #removals: ImageRemovals;
  readonly #deps: Omit<NodeImagesDeps, 'conditions' | 'outbox'>;
  readonly #ending = new AbortController();
  readonly #restoring = new Set<Promise<void>>();
  /** How long the controller waits for this node. 0 before its first welcome. */
  #leaseMs = 0;
  #lease: Timer | undefined;

  constructor({ conditions, outbox, ...deps }: NodeImagesDeps) {
    this.#deps = deps;
    this.#builder = new Builder({
      ...deps,
      refusal: () => conditions.unschedulable(),
      report: (report) => outbox.keep(`build:${report.buildId}`, { kind: 'build', value: report }),
    });
    this.#moves = new ImageMoves({
      ...deps,
      conditions,
      report: (moved) => outbox.keep(`moved:${moved.pushed}:${moved.image}`, { kind: 'imageMoved', value: moved }),
    });
    this.#removals = new ImageRemovals({
      ...deps,
      isUsed: (image) => deps.hasSession(image) || this.#builder.uses(image) || this.#moves.uses(image),
    });
  }

  take(frame: ImageFrame): void {
    switch (frame.kind) {
      case 'build':
        return this.#builder.assign(frame.value);
      case 'cancelBuild':
        return this.#builder.cancel(frame.value.buildId, frame.value.image);
      case 'pullImage':
        return this.#moves.pull(frame.value);
      case 'makeImage':
        return this.#moves.make(frame.value);
      case 'pushImage':
        return this.#moves.push(frame.value);
      case 'removeImage':
        return this.#removals.remove(frame.value.image);
      case 'imageGone':
        return this.#gone(frame.value.image, frame.value.reason);
      default:
        return frame satisfies never;
    }
  }

  /** Reports the results of recent builds again. Call it on each new stream. */
  resend(): void {
    this.#builder.resend();
  }

  /** The stream to the controller ended. Its builds end if no other stream follows within the lease. */
  disconnected(): void {
    if (this.#ending.signal.aborted) return;
    this.#lease ??= this.#deps.clock.after(this.#leaseMs, () => this.#builder.leaseLost());
  }

  connected({ leaseMs }: { readonly leaseMs: number }): void {
    this.#leaseMs = leaseMs;
    this.#lease?.cancel();
    this.#lease = undefined;
  }

  async close(): Promise<void> {
    this.#ending.abort(new Error('the node agent is shutting down'));
    this.#lease?.cancel();
    await Promise.all([this.#builder.close(), this.#moves.close(), this.#removals.close(), ...this.#restoring]);
  }

  /**
   * The controller has no way to an image. Sessions that wait for it fail, unless this node has a
   * copy of its own: then the loss can be seconds old, and the copy is still being loaded.
   */
  #gone(image: string, reason: string): void {
    const { driver, clock, log, arrived, gone } = this.#deps;
    if (driver.restoreImage === undefined) return gone(image, reason);
    const { signal } = this.#ending;
    const restoring: Promise<void> = within(clock, RESTORE_LIMIT_MS, signal, (soon) => restore({ driver, log }, image, soon))
      .catch(() => false)
      .then((isThere) => {
        this.#restoring.delete(restoring);
        if (signal.aborted) return;
        if (isThere) arrived(image);
        else gone(image, reason);
      });
    this.#restoring.add(restoring);
  }
}
