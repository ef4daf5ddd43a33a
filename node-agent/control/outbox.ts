import type { NodeFrame } from '../../proto/frame.ts';

import { type Counter, type Metrics, silentMetrics } from '../../seams/metrics.ts';

/** Bounds on waiting frames other than state. Past either of them the stream ends. */
export const MAX_WAITING = { frames: 20_000, bytes: 32 * 1024 * 1024 } as const;
const A_FRAME_BYTES = 256;
/** From this share of it on, frames that can wait elsewhere are not added. */
const CROWDED_SHARE = 1 / 4;

/** The current stream to the controller. */
export interface Wire {
  /** Returns false if the wire is full: the frame is not sent, and `drained` is called later. */
  send(frame: NodeFrame): boolean;
  /** Ends the stream because too much waits. */
  end(fault: Error): void;
}

/**
 * Kinds of which only the newest per key counts, so their number is bounded by sessions, builds and
 * images.
 */
const IS_STATE: ReadonlySet<NodeFrame['kind']> = new Set([
  ...(['report', 'removed', 'orphans', 'images', 'build', 'workers', 'secretsRequest', 'setPartTaken', 'setJudged', 'conditions'] as const),
  ...(['imageMissing', 'shutdownDone'] as const),
]);

function bytesOf(frame: NodeFrame): number {
  if (frame.kind === 'answer') return A_FRAME_BYTES + frame.value.content.length;
  return A_FRAME_BYTES;
}

/**
 * Frames for the controller. Kept frames wait in order while the stream is full; a later one under
 * the same key replaces the earlier. None is dropped while the stream lasts: past a bound the
 * stream ends. Without a stream nothing waits, because inventory and relay repeat on each new one
 * whatever still matters. Passing frames (partial output) go at once or are dropped and counted.
 */
export class Outbox {
  #wire: Wire | undefined;
  readonly #waiting = new Map<string, NodeFrame>();
  /** Bytes of waiting frames other than state. */
  #frames = 0;
  #bytes = 0;
  #keeping = false;
  #wasCrowded = false;
  #room: () => void = () => undefined;
  #lost = 0;
  readonly #dropped: Counter<'kind'>;
  readonly #overflows: Counter;

  constructor(metrics: Metrics = silentMetrics) {
    this.#dropped = metrics.counter({
      name: 'outbox_dropped_total',
      help: 'Partial output that a full stream did not take.',
      labels: ['kind'],
    });
    this.#overflows = metrics.counter({
      name: 'outbox_overflows_total',
      help: 'Streams closed because too much waited for them. The next one repeats everything.',
    });
    metrics.gauge({ name: 'outbox_frames', help: 'Frames that wait for the stream to the controller.', read: () => this.#waiting.size });
  }

  /** Number of passing frames dropped so far. */
  get lost(): number {
    return this.#lost;
  }

  /** Number of waiting frames. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether frames that can wait elsewhere must not be added now. */
  get isCrowded(): boolean {
    const crowded = this.#frames >= MAX_WAITING.frames * CROWDED_SHARE || this.#bytes >= MAX_WAITING.bytes * CROWDED_SHARE;
    this.#wasCrowded ||= crowded;
    return crowded;
  }

  /** Calls `room` when there is room again after a caller saw it crowded. */
  onRoom(room: () => void): void {
    this.#room = room;
  }

  /** Keeps changes from now on for the stream whose greeting was just built. */
  begin(): void {
    this.disconnect();
    this.#keeping = true;
  }

  connect(wire: Wire): void {
    this.#wire = wire;
    this.drained();
    this.#judge();
  }

  disconnect(): void {
    this.#wire = undefined;
    this.#keeping = false;
    this.#clear();
  }

  keep(key: string, frame: NodeFrame): void {
    if (!this.#keeping) return;
    if (this.#waiting.size === 0 && this.#wire?.send(frame)) return;
    this.#count(this.#waiting.get(key), -1);
    this.#waiting.set(key, frame);
    this.#count(frame, 1);
    this.#judge();
  }

  /** Returns false if the frame was dropped. */
  pass(frame: NodeFrame): boolean {
    if (this.#waiting.size === 0 && this.#wire?.send(frame)) return true;
    this.#lost += 1;
    this.#dropped.add(1, { kind: frame.kind });
    return false;
  }

  drained(): void {
    for (const [key, frame] of this.#waiting) {
      if (!this.#wire?.send(frame)) break;
      this.#waiting.delete(key);
      this.#count(frame, -1);
    }
    this.#tellRoom();
  }

  #tellRoom(): void {
    if (!this.#wasCrowded || this.isCrowded) return;
    this.#wasCrowded = false;
    this.#room();
  }

  /**
   * Checks the bounds. Without a stream there is nothing to end, so `connect` checks them again.
   */
  #judge(): void {
    const wire = this.#wire;
    if (wire === undefined || (this.#frames <= MAX_WAITING.frames && this.#bytes <= MAX_WAITING.bytes)) return;
    this.#overflows.add();
    this.disconnect();
    wire.end(new Error('too many frames wait for the controller: the node agent reconnects and sends everything again'));
  }

  #count(frame: NodeFrame | undefined, sign: 1 | -1): void {
    if (frame === undefined || IS_STATE.has(frame.kind)) return;
    this.#frames += sign;
    this.#bytes += sign * bytesOf(frame);
  }

  #clear(): void {
    this.#waiting.clear();
    this.#frames = 0;
    this.#bytes = 0;
    this.#tellRoom();
  }
}
