/**
 * One end of an ordered, two-way stream of frames. Three implementations: gRPC between machines, length-framed on a
 * guest's Unix socket, and the simulated network of the tests.
 *
 * 1. `onMessage` and `onClose` are set before the first frame can arrive (the maker starts reading on the next turn).
 * 2. `send` never blocks and never throws. It returns false once the bound of the outbound queue is reached: the frame is
 *    then *not* queued. Who can wait waits for `onDrain`; who cannot drops by its own policy, or closes.
 * 3. The link ends once, from either side or by a fault: `onClose` is called once, with the fault where there was one, and
 *    nothing arrives after it. Frames queued at `close()` are flushed on a best-effort basis.
 */
export interface Link<Out, In> {
  send(frame: Out): boolean;
  /**
   * Whether there is room for a large frame that can wait, with enough left for small ones that cannot. `onDrain` is called once after it said
   * no. A link without it always has room.
   */
  hasRoom?(): boolean;
  /** `bytes`: of the frame as it came, where the transport knows. */
  onMessage(listener: (frame: In, bytes?: number) => void): void;
  onDrain(listener: () => void): void;
  onClose(listener: (fault: Error | undefined) => void): void;
  close(fault?: Error): void;
  /** Stops reading until `resume`, so that a slow receiver slows the sender instead of filling memory. */
  pause(): void;
  resume(): void;
}
