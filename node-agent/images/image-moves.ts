import type { ImageMoved__Output as ImageMoved } from '../../proto/generated/raworc/node/v0/ImageMoved.ts';
import type { MakeImage__Output as MakeImage } from '../../proto/generated/raworc/node/v0/MakeImage.ts';
import type { PullImage__Output as PullImage } from '../../proto/generated/raworc/node/v0/PullImage.ts';
import type { PushImage__Output as PushImage } from '../../proto/generated/raworc/node/v0/PushImage.ts';
import { messageOf } from '../../seams/message-of.ts';
import type { Conditions } from '../conditions.ts';
import { within } from '../engine/deadline.ts';
import type { MoveOutcome } from '../engine/driver.ts';
import type { Host } from '../host.ts';
import { findOrRestore } from './find-or-restore.ts';

/** Within this, the largest image arrives over a slow line; the controller waits a little longer. */
const MOVE_LIMIT_MS = 25 * 60_000;
/** Each image has several layers, which the engine moves at once. */
const AT_ONCE = 2;
const CONDITION = 'ImageMissing';

export interface ImageMovesDeps extends Pick<Host, 'driver' | 'clock' | 'log'> {
  readonly conditions: Pick<Conditions, 'raise' | 'clear'>;
  report(moved: ImageMoved): void;
  /** An image was pulled. */
  arrived(image: string): void;
}

type Move =
  | { readonly kind: 'pull'; readonly pushed: false; readonly plan: PullImage }
  | { readonly kind: 'make'; readonly pushed: false; readonly plan: MakeImage }
  | { readonly kind: 'push'; readonly pushed: true; readonly plan: PushImage };

const DONE = {
  pull: ['image.pulled', 'image.not_pulled'],
  make: ['image.made', 'image.not_made'],
  push: ['image.pushed', 'image.not_pushed'],
} as const;

/**
 * Pulls and pushes, and images of workstations, that the controller asks for, a few at once. The controller repeats what failed,
 * with back-off, as long as it is needed; meanwhile a condition has the reason.
 */
export class ImageMoves {
  readonly #deps: ImageMovesDeps;
  readonly #ending = new AbortController();
  readonly #waiting: Move[] = [];
  readonly #known = new Set<string>();
  readonly #working = new Set<Promise<void>>();
  /** Images that could not be pulled, with the reason of the last attempt. */
  readonly #lacking = new Map<string, string>();

  constructor(deps: ImageMovesDeps) {
    this.#deps = deps;
  }

  pull(plan: PullImage): void {
    this.#add({ kind: 'pull', pushed: false, plan });
  }

  make(plan: MakeImage): void {
    this.#add({ kind: 'make', pushed: false, plan });
  }

  push(plan: PushImage): void {
    this.#add({ kind: 'push', pushed: true, plan });
  }

  /** Returns whether an image is moved, or waits for it. */
  uses(image: string): boolean {
    return this.#known.has(keyOf(image, true)) || this.#known.has(keyOf(image, false));
  }

  async close(): Promise<void> {
    this.#ending.abort(new Error('the node agent is shutting down'));
    this.#waiting.length = 0;
    await Promise.all(this.#working);
  }

  #add(move: Move): void {
    const key = keyOf(move.plan.image, move.pushed);
    // A repeated request is answered by the end of the first.
    if (this.#known.has(key) || this.#ending.signal.aborted) return;
    this.#known.add(key);
    this.#waiting.push(move);
    this.#next();
  }

  #next(): void {
    if (this.#working.size >= AT_ONCE) return;
    const move = this.#waiting.shift();
    if (move === undefined) return;
    const working = this.#move(move).finally(() => {
      this.#known.delete(keyOf(move.plan.image, move.pushed));
      this.#working.delete(working);
      this.#next();
    });
    this.#working.add(working);
  }

  async #move(move: Move): Promise<void> {
    const { clock, log, report, arrived } = this.#deps;
    const beganMs = clock.monotonic();
    const { image } = move.plan;
    const error = await this.#attempt(move);
    if (this.#ending.signal.aborted) return;
    const fields = { image, took_ms: Math.round(clock.monotonic() - beganMs) };
    const [done, failed] = DONE[move.kind];
    if (error === '') log.info(done, fields);
    else log.warn(failed, { ...fields, error });
    if (!move.pushed) {
      if (error === '') arrived(image);
      this.#show(image, error);
    }
    report({ image, pushed: move.pushed, error });
  }

  async #attempt(move: Move): Promise<string> {
    const { driver, clock, log } = this.#deps;
    try {
      const outcome = await within(clock, MOVE_LIMIT_MS, this.#ending.signal, async (signal): Promise<MoveOutcome> => {
        const { transfer } = driver;
        if (move.kind !== 'make' && transfer === undefined) return NO_WAY;
        // Another node agent on this host can have brought or built it meanwhile, and a copy on this
        // host is nearer than the registry.
        if (!move.pushed && (await findOrRestore({ driver, log }, move.plan.image, signal)) !== undefined) return { ok: true };
        if (move.kind === 'make')
          return (await driver.makeImage?.(move.plan, signal)) ?? { ok: false, reason: 'this node makes no images of workstations' };
        return (move.kind === 'push' ? transfer?.push(move.plan, signal) : transfer?.pull(move.plan, signal)) ?? NO_WAY;
      });
      return outcome.ok ? '' : outcome.reason;
    } catch (error) {
      return messageOf(error) || 'unknown error';
    }
  }

  #show(image: string, error: string): void {
    const { conditions } = this.#deps;
    if (error === '') this.#lacking.delete(image);
    else this.#lacking.set(image, error);
    const [first] = this.#lacking;
    if (first === undefined) return conditions.clear(CONDITION);
    const message = `Cannot pull the image ${first[0]}: ${first[1]}. Sessions that need it wait, and it is tried again.`;
    conditions.raise({ type: CONDITION, message: message.slice(0, 1000), unschedulable: false });
  }
}

const NO_WAY: MoveOutcome = { ok: false, reason: 'this node has no way to the registry' };

const keyOf = (image: string, pushed: boolean): string => `${pushed} ${image}`;
