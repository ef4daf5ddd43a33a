/**
 * One end of an ordered, two-way stream of frames. Three implementations: gRPC between machines,
 * length-prefixed frames on a guest's Unix socket, and the tests' simulated network.
 *
 * 1. Set `onMessage` and `onClose` in the turn that creates the link; reading starts in the next
 *    one.
 * 2. `send` never blocks and never throws. It returns false when the outbound queue is full; the
 *    frame is then *not* queued. Senders that can wait use `onDrain`; others drop by their own
 *    policy, or close.
 * 3. The link ends once, from either side or by a fault. `onClose` is called once, with the fault
 *    if there was one, and no frame arrives after it. `close()` flushes queued frames on a
 *    best-effort basis.
 */
export interface Link<Out, In> {
  send(frame: Out): boolean;
  /**
   * Whether a large frame that can wait fits, with room to spare for small ones that cannot. After
   * a false, `onDrain` is called once. A link without this method always has room.
   */
  hasRoom?(): boolean;
  /** `bytes` is the frame's encoded size, where the transport knows it. */
  onMessage(listener: (frame: In, bytes?: number) => void): void;
  onDrain(listener: () => void): void;
  onClose(listener: (fault: Error | undefined) => void): void;
  close(fault?: Error): void;
  /**
   * Stops reading until `resume`, so that a slow receiver slows the sender instead of filling
   * memory.
   */
  pause(): void;
  resume(): void;
}
