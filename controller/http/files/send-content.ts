import type { ServerResponse } from 'node:http';
import type { Context } from 'koa';
import { StreamError } from '../../../proto/streams/reasons.ts';
import type { Clock } from '../../../seams/clock.ts';
import { drained } from '../../../seams/drained.ts';
import type { FileContent } from '../../services/files/file-service.ts';
import { PING_FRAME } from '../events/event-frames.ts';

/** A client that reads nothing for this long is disconnected. */
export const STUCK_TRANSFER_MS = 300_000;
/** Silence after which an event stream says that it lives. */
const PING_MS = 15_000;

/** Writes to a response no faster than its client reads, and tells how long it has read nothing. */
export class PacedResponse {
  readonly #res: ServerResponse;
  readonly #clock: Pick<Clock, 'monotonic'>;
  #waitingSinceMs: number | undefined;
  #isOfEvents = false;
  #wroteAtMs = 0;

  constructor(res: ServerResponse, clock: Pick<Clock, 'monotonic'>) {
    this.#res = res;
    this.#clock = clock;
  }

  get isStuck(): boolean {
    return this.#waitingSinceMs !== undefined && this.#clock.monotonic() - this.#waitingSinceMs >= STUCK_TRANSFER_MS;
  }

  /** From now on this is an event stream, in which {@link ping} can write. */
  beginEvents(): void {
    this.#isOfEvents = true;
    this.#wroteAtMs = this.#clock.monotonic();
  }

  /** Tells the client of an event stream that it lives, if nothing else was sent for a while. */
  ping(): void {
    const nowMs = this.#clock.monotonic();
    if (!this.#isOfEvents || this.#waitingSinceMs !== undefined || nowMs - this.#wroteAtMs < PING_MS) return;
    if (this.#res.destroyed || this.#res.writableEnded) return;
    this.#wroteAtMs = nowMs;
    this.#res.write(PING_FRAME);
  }

  /** Resolves once the client takes more, or has gone. */
  async write(bytes: Buffer | string): Promise<void> {
    this.#wroteAtMs = this.#clock.monotonic();
    if (this.#res.write(bytes) || this.#res.destroyed) return;
    this.#waitingSinceMs = this.#clock.monotonic();
    await drained(this.#res);
    this.#waitingSinceMs = undefined;
  }
}

/**
 * Sends the bytes of a file. If they end early, so does the connection: the client sees that less
 * came than was announced.
 */
export async function sendContent(ctx: Context, paced: PacedResponse, { bytes }: Pick<FileContent, 'bytes'>): Promise<void> {
  const { res } = ctx;
  // Bypasses Koa, which reports each disconnect of a piped stream as an error.
  ctx.respond = false;
  res.flushHeaders();
  try {
    for await (const piece of bytes) {
      if (res.destroyed) return;
      await paced.write(piece);
    }
    res.end();
  } catch (error) {
    res.destroy();
    if (!(error instanceof StreamError)) throw error;
  }
}
