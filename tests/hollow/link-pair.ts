import type { Link } from '../../proto/link.ts';
import type { Clock } from '../../seams/clock.ts';

/** Two ends in one process: what goes into one comes out of the other on a later turn, in order. For guests that are only pretended. */
export function linkPair<A, B>(clock: Clock): readonly [Link<A, B>, Link<B, A>] {
  const left = new End<A, B>(clock);
  const right = new End<B, A>(clock);
  left.join(right);
  right.join(left);
  return [left, right];
}

class End<Out, In> implements Link<Out, In> {
  readonly #clock: Clock;
  #peer: End<In, Out> | undefined;
  #incoming: In[] = [];
  #paused = false;
  #turning = false;
  #ended = false;
  #message: (frame: In) => void = () => undefined;
  #closed: (fault: Error | undefined) => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  join(peer: End<In, Out>): void {
    this.#peer = peer;
  }

  send(frame: Out): boolean {
    if (this.#ended) return false;
    this.#peer?.arrive(frame);
    return true;
  }

  arrive(frame: In): void {
    if (this.#ended) return;
    this.#incoming.push(frame);
    this.#turn();
  }

  onMessage(listener: (frame: In) => void): void {
    this.#message = listener;
  }

  onDrain(): void {}

  onClose(listener: (fault: Error | undefined) => void): void {
    this.#closed = listener;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#turn();
  }

  close(fault?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#clock.soon(() => this.#closed(fault));
    const peer = this.#peer;
    // After what was sent before.
    this.#clock.soon(() => this.#clock.soon(() => peer?.close()));
  }

  #turn(): void {
    if (this.#turning || this.#paused) return;
    this.#turning = true;
    this.#clock.soon(() => {
      this.#turning = false;
      const frames = this.#incoming;
      this.#incoming = [];
      for (const [index, frame] of frames.entries()) {
        if (this.#ended) return;
        if (this.#paused) {
          this.#incoming.unshift(...frames.slice(index));
          return;
        }
        this.#message(frame);
      }
    });
  }
}
