/**
 * Images that sessions of this node need and the engine lacks. Each is requested from the
 * controller once, again on every new stream, and when a session still lacks it at a later attempt;
 * the sessions wait until the image arrives or the controller reports that nothing can bring it back.
 */
export class ImageRequests {
  readonly #ask: (sessionId: string, image: string) => void;
  readonly #waiting = new Map<string, Set<string>>();

  constructor(ask: (sessionId: string, image: string) => void) {
    this.#ask = ask;
  }

  want(sessionId: string, image: string): void {
    const there = this.#waiting.get(image) ?? new Set();
    this.#waiting.set(image, there);
    // A controller that does not know the session drops its request, and can have adopted it since.
    if (there.size === 0 || there.has(sessionId)) this.#ask(sessionId, image);
    there.add(sessionId);
  }

  resend(): void {
    for (const [image, sessions] of this.#waiting) for (const session of [...sessions].slice(0, 1)) this.#ask(session, image);
  }

  /**
   * Returns the sessions that waited for this image and forgets it, because it arrived or never
   * will.
   */
  settle(image: string): readonly string[] {
    const sessions = [...(this.#waiting.get(image) ?? [])];
    this.#waiting.delete(image);
    return sessions;
  }

  /** Removes a session that was deleted or no longer needs an image. */
  forget(sessionId: string): void {
    for (const [image, sessions] of this.#waiting) {
      sessions.delete(sessionId);
      if (sessions.size === 0) this.#waiting.delete(image);
    }
  }
}
