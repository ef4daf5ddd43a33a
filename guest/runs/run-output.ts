import type { GuestFrame } from '../../proto/frame.ts';
import type { LogLine__Output as LogLine } from '../../proto/generated/raworc/v0/LogLine.ts';
import type { Clock, Timer } from '../../seams/clock.ts';
import type { RunOutput } from './worker-host.ts';

/** Characters of one delta frame, and of one log line. */
const DELTA_CHARACTERS = 64 * 1024;
const LINE_CHARACTERS = 8 * 1024;
/**
 * Log lines sent within a second; further ones are counted as dropped, and are only in the log
 * files.
 */
const LINES_PER_SECOND = 1000;

export interface RunOfAgent {
  readonly sessionId: string;
  readonly messageId: string;
  readonly runId: string;
  readonly agent: string;
}

/**
 * Turns the output of a run into frames: deltas, joined per turn of the event loop and numbered
 * from 1, and log lines.
 */
export class FramedOutput implements RunOutput {
  readonly #run: RunOfAgent;
  readonly #clock: Clock;
  readonly #offer: (frame: GuestFrame) => boolean;
  readonly #keep: (line: LogLine) => void;
  #text: string[] = [];
  #number = 0;
  #flush: Timer | undefined;
  #dropped = 0;
  #second = 0;
  #linesInSecond = 0;

  /** `keep` gets every line, sent or not. */
  constructor(run: RunOfAgent, clock: Clock, offer: (frame: GuestFrame) => boolean, keep: (line: LogLine) => void) {
    this.#run = run;
    this.#clock = clock;
    this.#offer = offer;
    this.#keep = keep;
  }

  delta(text: string): void {
    if (text === '') return;
    this.#text.push(text);
    this.#flush ??= this.#clock.soon(() => this.flush());
  }

  /** Sends pending text. A delta that the link does not take is lost together with its number. */
  flush(): void {
    this.#flush?.cancel();
    this.#flush = undefined;
    const text = this.#text.join('');
    this.#text = [];
    for (let at = 0; at < text.length; ) {
      let end = Math.min(text.length, at + DELTA_CHARACTERS);
      // Never cut a surrogate pair in two.
      if (end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end -= 1;
      this.#number += 1;
      this.#offer({ kind: 'delta', value: { ...this.#run, number: this.#number, text: text.slice(at, end) } });
      at = end;
    }
  }

  line(stream: 'STDOUT' | 'STDERR', line: string): void {
    const second = Math.floor(this.#clock.monotonic() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#linesInSecond = 0;
    }
    this.#linesInSecond += 1;
    const { sessionId, runId, agent } = this.#run;
    const value: LogLine = {
      ...{ sessionId, runId, agent, stream, line: line.slice(0, LINE_CHARACTERS) },
      ...{ atMs: this.#clock.now(), dropped: this.#dropped },
    };
    this.#keep(value);
    if (this.#linesInSecond <= LINES_PER_SECOND && this.#offer({ kind: 'log', value })) this.#dropped = 0;
    else this.#dropped += 1;
  }
}
