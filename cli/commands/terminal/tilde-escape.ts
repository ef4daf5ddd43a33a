const [TILDE, DOT, CR, LF] = ['~', '.', '\r', '\n'].map((character) => character.charCodeAt(0));

/**
 * Finds `~.` at the beginning of a line in what is typed, as ssh does. A second tilde stands for
 * one.
 */
export class TildeEscape {
  #state: 'line-start' | 'tilde' | 'within' = 'line-start';

  /** Returns what to pass on, and whether to leave. */
  take(bytes: Uint8Array): { readonly pass: Uint8Array; readonly leaves: boolean } {
    const pass: number[] = [];
    for (const byte of bytes) {
      if (this.#state === 'tilde') {
        if (byte === DOT) return { pass: Uint8Array.from(pass), leaves: true };
        if (byte !== TILDE) pass.push(TILDE ?? 0);
      } else if (this.#state === 'line-start' && byte === TILDE) {
        this.#state = 'tilde';
        continue;
      }
      pass.push(byte);
      this.#state = byte === CR || byte === LF ? 'line-start' : 'within';
    }
    return { pass: Uint8Array.from(pass), leaves: false };
  }
}
