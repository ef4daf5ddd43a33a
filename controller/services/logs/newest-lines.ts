import type { LogNews } from '../../domain/events/events.ts';

/** Of one answer, in memory. */
const MAX_CHARACTERS = 4 * 1024 * 1024;

/** Collects the newest lines of many sessions, up to a number and to their characters together. */
export class NewestLines {
  readonly #limit: number;
  #lines: readonly LogNews[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Oldest first. */
  get lines(): readonly LogNews[] {
    return this.#lines;
  }

  /** Earlier lines would not be collected. 0 while there is room. */
  get sinceMs(): number {
    return this.#lines.length < this.#limit ? 0 : (this.#lines[0]?.at ?? 0);
  }

  /** Adds lines of sessions, each in order. */
  add(lines: readonly LogNews[]): void {
    if (lines.length === 0) return;
    const all = [...this.#lines, ...lines].sort((a, b) => a.at - b.at);
    let characters = 0;
    let from = all.length;
    while (from > 0 && all.length - from < this.#limit) {
      characters += all[from - 1]?.line.length ?? 0;
      if (characters > MAX_CHARACTERS) break;
      from -= 1;
    }
    this.#lines = all.slice(from);
  }
}
