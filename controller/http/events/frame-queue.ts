import type { ServerResponse } from 'node:http';
import type { Clock } from '../../../seams/clock.ts';
import type { AccountId } from '../../domain/engine/ids.ts';
import type { UnsentBytes } from './unsent-bytes.ts';

/** With so much unsent a stream takes no more frames. The last one may be larger than that. */
export const MAX_UNSENT_BYTES = 256 * 1024;
/** The next are asked for once no more than this is left. */
const LOW_BYTES = 64 * 1024;
/** What the socket is given at once: TLS keeps a copy of it for each client, and when it has left, the client has moved. */
const IN_FLIGHT_BYTES = 64 * 1024;

export interface FrameQueueDeps {
  readonly res: ServerResponse;
  readonly account: AccountId;
  readonly unsent: UnsentBytes;
  readonly clock: Clock;
  /** There is room again, after a frame was not taken. */
  readonly onRoom: () => void;
}

/**
 * The frames on their way to one client. They are shared with the queues of other clients and handed to the socket a piece at a time, so
 * a client that does not read costs no more than its bound, and one that reads however slowly is seen to move.
 */
export class FrameQueue {
  readonly #deps: FrameQueueDeps;
  readonly #frames: Buffer[] = [];
  /** Of the first frame, what the socket has. */
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

  /** Takes the frame, or refuses it and calls `onRoom` later. */
  offer(encode: () => Buffer): boolean {
    const { account, unsent } = this.#deps;
    // Nothing is encoded for a client that has no room.
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

  /** Takes a small frame in any case. */
  add(frame: Buffer): void {
    if (this.#closed) return;
    if (this.unsentBytes === 0) this.#movedAt = this.#deps.clock.monotonic();
    this.#frames.push(frame);
    this.#queuedBytes += frame.byteLength;
    this.#deps.unsent.change(this.#deps.account, frame.byteLength);
    this.#pump();
  }

  /** How long the client has not taken anything of what there is for it. */
  get stuckMs(): number {
    return this.unsentBytes === 0 ? 0 : this.#deps.clock.monotonic() - this.#movedAt;
  }

  /** Ends the response once all has left. */
  end(): void {
    this.#isEnding = true;
    this.#deps.unsent.forget(this.#deps.account, this.#onRoom);
    this.#pump();
  }

  /** To be called when the response is closed. */
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
        // Its `close` follows.
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
