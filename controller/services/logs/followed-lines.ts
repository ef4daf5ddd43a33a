import type { LogNews } from '../../domain/events/events.ts';
import type { LineWatcher, Taken } from '../events/watching.ts';

/** Maximum number of lines that arrive while older ones are read and shown. */
const MAX_EARLY = 1000;
const MAX_EARLY_CHARACTERS = 1024 * 1024;

/**
 * Shows a watcher the stored lines first and the live ones after them, each once. Lines for which
 * the watcher has no room are dropped, and counted in the next line that it takes.
 */
export class FollowedLines {
  readonly #watcher: LineWatcher;
  readonly #over: () => void;
  #early: LogNews[] = [];
  #earlyCharacters = 0;
  /** Stored lines still to show; undefined until they are read. */
  #stored: LogNews[] | undefined;
  #isLive = false;
  #dropped = 0;

  /** Calls `over` when the watcher has ended. */
  constructor(watcher: LineWatcher, over: () => void) {
    this.#watcher = watcher;
    this.#over = over;
  }

  /** Takes a live line; `full` if it was dropped. */
  add(line: LogNews): Taken {
    if (this.#isLive) return this.#offer(line);
    if (this.#early.length >= MAX_EARLY || this.#earlyCharacters >= MAX_EARLY_CHARACTERS) return this.#drop(line);
    this.#early.push(line);
    this.#earlyCharacters += line.line.length;
    return 'more';
  }

  /** Counts lines that the watcher does not want, or their loss on the way. */
  lost(count: number): void {
    this.#dropped += count;
  }

  /** Shows the stored lines. Those that arrived live as well are shown once. */
  begin(stored: readonly LogNews[]): void {
    const seen = new Set(stored.map(key));
    this.#early = this.#early.filter((line) => !seen.has(key(line)));
    this.#stored = [...stored];
    this.resume();
  }

  /** Call when the watcher has room again. */
  resume(): void {
    if (this.#stored === undefined) return;
    while (!this.#isLive) {
      const lines = this.#stored.length > 0 ? this.#stored : this.#early;
      const line = lines[0];
      if (line === undefined) {
        this.#isLive = true;
        return;
      }
      const taken = this.#watcher.log(line);
      if (taken === 'over') this.#over();
      if (taken !== 'more') return;
      lines.shift();
    }
  }

  #offer(line: LogNews): Taken {
    const taken = this.#watcher.log(this.#dropped === 0 ? line : { ...line, dropped: line.dropped + this.#dropped });
    if (taken === 'full') return this.#drop(line);
    this.#dropped = 0;
    return taken;
  }

  #drop(line: LogNews): Taken {
    this.#dropped += 1 + line.dropped;
    return 'full';
  }
}

/** Identifies a line that was both read and received live. */
const key = ({ sessionId, agent, runId, stream, at, line }: LogNews): string => `${sessionId} ${agent} ${runId} ${stream} ${at} ${line}`;
