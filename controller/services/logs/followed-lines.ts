import type { LogNews } from '../../domain/events/events.ts';
import type { LineWatcher, Taken } from '../events/watching.ts';

/** Maximum of lines that wait: while older ones are read, and for a watcher without room. */
const MAX_WAITING = 1000;
const MAX_WAITING_CHARACTERS = 1024 * 1024;
/** Of dropped lines that can be among the stored ones. Beyond it, one of them can be counted though it is shown. */
const MAX_EARLY = 10_000;

/**
 * Shows a watcher the stored lines first and the live ones after them, each once. Lines that wait
 * are bounded. Others are dropped, and the watcher learns how many: with the next line, or, if none
 * follows, once it has room again.
 */
export class FollowedLines {
  readonly #watcher: LineWatcher;
  readonly #over: () => void;
  /** Stored lines still to show; undefined until they are read. */
  #stored: LogNews[] | undefined;
  #waiting: LogNews[] = [];
  #waitingCharacters = 0;
  /** Stored lines that can still arrive live. */
  #twice = new Set<string>();
  #dropped = 0;
  /** Dropped while the stored lines were read: those can have them. */
  readonly #droppedEarly = new Set<string>();

  /** Calls `over` when the watcher has ended. */
  constructor(watcher: LineWatcher, over: () => void) {
    this.#watcher = watcher;
    this.#over = over;
  }

  /** Takes a live line; `full` if it was dropped. */
  add(line: LogNews): Taken {
    if (this.#twice.size > 0 && this.#twice.delete(key(line))) return 'more';
    if (this.#waiting.length >= MAX_WAITING || this.#waitingCharacters >= MAX_WAITING_CHARACTERS) {
      this.#dropped += 1 + line.dropped;
      if (this.#stored === undefined && this.#droppedEarly.size < MAX_EARLY) this.#droppedEarly.add(key(line));
      return 'full';
    }
    const isCounted = this.#dropped > 0 && this.#stored !== undefined;
    this.#waiting.push(isCounted ? { ...line, dropped: line.dropped + this.#dropped } : line);
    this.#waitingCharacters += line.line.length;
    if (isCounted) this.#dropped = 0;
    // The others wait for room, which `resume` reports.
    if (this.#waiting.length === 1) this.resume();
    return 'more';
  }

  /** Counts lines that got lost on the way. */
  lost(count: number): void {
    this.#dropped += count;
  }

  /**
   * Shows the stored lines. Those that arrive live as well, before or after this call, are shown
   * once: they were printed at `sinceMs` or later.
   */
  begin(stored: readonly LogNews[], sinceMs: number): void {
    this.#twice = new Set(stored.filter(({ at }) => at >= sinceMs).map(key));
    this.#waiting = this.#waiting.filter((line) => !this.#twice.delete(key(line)));
    for (const dropped of this.#droppedEarly) if (this.#twice.delete(dropped)) this.#dropped -= 1;
    this.#droppedEarly.clear();
    this.#waitingCharacters = this.#waiting.reduce((sum, { line }) => sum + line.length, 0);
    this.#stored = [...stored];
    this.resume();
  }

  /** Call when the watcher has room again. */
  resume(): void {
    if (this.#stored === undefined) return;
    for (;;) {
      const isStored = this.#stored.length > 0;
      const line = isStored ? this.#stored[0] : this.#waiting[0];
      if (line === undefined) break;
      if (!this.#isTaken(this.#watcher.log(line))) return;
      if (isStored) this.#stored.shift();
      else {
        this.#waiting.shift();
        this.#waitingCharacters -= line.line.length;
      }
    }
    if (this.#dropped > 0 && this.#isTaken(this.#watcher.lost(this.#dropped))) this.#dropped = 0;
  }

  #isTaken(taken: Taken): boolean {
    if (taken === 'over') this.#over();
    return taken === 'more';
  }
}

/** Identifies a line that was both read and received live. */
const key = ({ sessionId, agent, runId, stream, at, line }: LogNews): string => `${sessionId} ${agent} ${runId} ${stream} ${at} ${line}`;
