import type { GuestFrame } from '../../proto/frame.ts';

import type { Clock, Timer } from '../../seams/clock.ts';
import { type KeptLine, MAX_LINE_CHARACTERS } from '../logs/line-store.ts';
import type { RunOutput } from './worker-host.ts';

/** Of one delta frame. */
const DELTA_CHARACTERS = 64 * 1024;

export interface RunOfAgent {
  readonly sessionId: string;
  readonly messageId: string;
  readonly runId: string;
  readonly agent: string;
}

/**
 * Turns the output of a run into frames: deltas, joined per turn of the event loop and numbered
 * from 1. Log lines are kept.
 */
export class FramedOutput implements RunOutput {
  readonly #run: RunOfAgent;
  readonly #clock: Clock;
  readonly #offer: (frame: GuestFrame) => boolean;
  readonly #keep: (line: KeptLine) => void;
  #text: string[] = [];
  #number = 0;
  #flush: Timer | undefined;

  constructor(run: RunOfAgent, clock: Clock, offer: (frame: GuestFrame) => boolean, keep: (line: KeptLine) => void) {
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

  /** Sends pending text. A delta that the link does not accept is lost together with its number. */
  flush(): void {
    this.#flush?.cancel();
    this.#flush = undefined;
    const text = this.#text.join('');
    this.#text = [];
    for (let at = 0; at < text.length; ) {
      let end = Math.min(text.length, at + DELTA_CHARACTERS);
      // Do not split a surrogate pair.
      if (end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end -= 1;
      this.#number += 1;
      this.#offer({ kind: 'delta', value: { ...this.#run, number: this.#number, text: text.slice(at, end) } });
      at = end;
    }
  }

  line(stream: 'STDOUT' | 'STDERR', line: string): void {
    const { runId, agent } = this.#run;
    this.#keep({ agent, runId, stream, line: line.slice(0, MAX_LINE_CHARACTERS), atMs: this.#clock.now() });
  }
}
