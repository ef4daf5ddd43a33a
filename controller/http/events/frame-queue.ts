import type { ServerResponse } from 'node:http';
import type { Clock } from '../../../seams/clock.ts';
import type { AccountId } from '../../domain/engine/ids.ts';
import type { UnsentBytes } from './unsent-bytes.ts';

/** Beyond this many unsent bytes, a stream accepts no more frames. The last frame can exceed it. */
export const MAX_UNSENT_BYTES = 256 * 1024;
/** Requests more frames once no more than this is unsent. */
const LOW_BYTES = 64 * 1024;
/**
 * Bytes per write to the socket. TLS copies them for each client, and each completed write shows
 * that the client still reads.
 */
const IN_FLIGHT_BYTES = 64 * 1024;

export interface FrameQueueDeps {
  readonly res: ServerResponse;
  readonly account: AccountId;
  readonly unsent: UnsentBytes;
  readonly clock: Clock;
  /** Called when there is room again, after a frame was refused. */
  readonly onRoom: () => void;
}

/**
 * The unsent frames of one client. Queues share frames, and write them to the socket in pieces: a
 * client that does not read costs at most the bound, and even a slow one is seen to make progress.
 */
export class FrameQueue {
  readonly #deps: FrameQueueDeps;
  readonly #frames: Buffer[] = [];
  /** Bytes of the first frame that are written to the socket. */
  #sent = 0;
  #queuedBytes = 0;
  #inFlightBytes = 0;
  #movedAt = 0;
  #isAwaited = false;
  #isEnding = false;
  #closed = false;

  constructor(deps: FrameQueueDeps) {
    this.#deps = deps;
  }

  get unsentBytes(): number {
    return this.#queuedBytes + this.#inFlightBytes;
  }

  /** Accepts a frame, or refuses it and calls `onRoom` later. */
  offer(encode: () => Buffer): boolean {
    const { account, unsent } = this.#deps;
    // Skips encoding for a client without room.
    if (this.unsentBytes >= MAX_UNSENT_BYTES) {
      this.#isAwaited = true;
      return false;
    }
    const frame = encode();
    if (!unsent.hasRoom(account, frame.byteLength)) {
      unsent.whenRoom(account, frame.byteLength, this.#onRoom);
      return false;
    }
    this.add(frame);
    return true;
  }

  /** Accepts a small frame regardless of room. */
  add(frame: Buffer): void {
    if (this.#closed) return;
    if (this.unsentBytes === 0) this.#movedAt = this.#deps.clock.monotonic();
    this.#frames.push(frame);
    this.#queuedBytes += frame.byteLength;
    this.#deps.unsent.change(this.#deps.account, frame.byteLength);
    this.#pump();
  }

  /** Milliseconds since the client last read something, while frames wait. */
  get stuckMs(): number {
    return this.unsentBytes === 0 ? 0 : this.#deps.clock.monotonic() - this.#movedAt;
  }

  /** Ends the response after the last frame. */
  end(): void {
    this.#isEnding = true;
    this.#deps.unsent.forget(this.#deps.account, this.#onRoom);
    this.#pump();
  }

  /** Call when the response is closed. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const { account, unsent } = this.#deps;
    unsent.forget(account, this.#onRoom);
    unsent.change(account, -this.unsentBytes);
    this.#frames.length = 0;
    this.#queuedBytes = 0;
    this.#inFlightBytes = 0;
  }

  readonly #onRoom = (): void => {
    if (!this.#closed && !this.#isEnding) this.#deps.onRoom();
  };

  #pump(): void {
    if (this.#closed) return;
    for (let frame = this.#frames[0]; frame !== undefined && this.#inFlightBytes < IN_FLIGHT_BYTES; frame = this.#frames[0]) {
      const piece = frame.subarray(this.#sent, this.#sent + IN_FLIGHT_BYTES - this.#inFlightBytes);
      this.#sent += piece.byteLength;
      if (this.#sent === frame.byteLength) {
        this.#frames.shift();
        this.#sent = 0;
      }
      this.#queuedBytes -= piece.byteLength;
      this.#inFlightBytes += piece.byteLength;
      this.#deps.res.write(piece, (error) => {
        // The response's `close` event follows.
        if (error === undefined || error === null) this.#left(piece.byteLength);
      });
    }
    if (this.#isEnding && this.#frames.length === 0 && !this.#deps.res.writableEnded) this.#deps.res.end();
  }

  #left(bytes: number): void {
    if (this.#closed) return;
    this.#inFlightBytes -= bytes;
    this.#movedAt = this.#deps.clock.monotonic();
    this.#deps.unsent.change(this.#deps.account, -bytes);
    this.#pump();
    if (!this.#isAwaited || this.unsentBytes > LOW_BYTES) return;
    this.#isAwaited = false;
    this.#onRoom();
  }
}
