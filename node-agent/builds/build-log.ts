import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';
import type { BuildStage } from '../../proto/build-stages.ts';
import { LINE_OVERHEAD, LOG_BOUNDS, type LogLine, MAX_LINE_CHARACTERS } from '../../proto/streams/build-log.ts';
import type { Clock } from '../../seams/clock.ts';
import { visibleName } from '../../seams/terminal-text.ts';

/** A program that prints this much without a line break loses the rest of the line. */
const MAX_UNBROKEN_CHARACTERS = 64 * 1024;
/** Shorter lines of a secret would mask ordinary text. */
const MIN_MASKED_CHARACTERS = 6;
const MASK = '***';

/**
 * The log of one build, in memory: its first lines and its last ones, within {@link LOG_BOUNDS}.
 * Secrets are masked before a line is kept. Whole lines are masked, so no secret gets through in two
 * pieces.
 */
export class BuildLog {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #head: LogLine[] = [];
  #headLeft: number = LOG_BOUNDS.head;
  #tail: LogLine[] = [];
  #tailCharacters = 0;
  #leftOut = 0;
  #isFull = false;
  #isOver = false;
  #stage: BuildStage | undefined;
  #decoder = new StringDecoder('utf8');
  #partial = '';
  #isCutting = false;
  /** Longest first: a secret can contain another. */
  #secrets: readonly string[] = [];
  #waiting: (() => void)[] = [];

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** Later lines belong to this stage. */
  stage(stage: BuildStage): void {
    this.#flush();
    this.#stage = stage;
  }

  print(text: string): void {
    this.#flush();
    for (const line of text.split('\n')) this.#add(line);
  }

  output(chunk: Uint8Array): void {
    const pieces = `${this.#partial}${this.#decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))}`.split('\n');
    this.#partial = pieces.pop() ?? '';
    for (const piece of pieces) {
      if (!this.#isCutting) this.#add(piece);
      this.#isCutting = false;
    }
    if (this.#partial.length <= MAX_UNBROKEN_CHARACTERS && !this.#isCutting) return;
    if (!this.#isCutting) this.#add('… a line of more than 64 KiB is left out');
    this.#isCutting = true;
    this.#partial = '';
  }

  mask(secret: string): void {
    const parts = [secret, ...secret.split(/\r?\n/)].map((part) => part.trim()).filter((part) => part.length >= MIN_MASKED_CHARACTERS);
    const encoded = parts.flatMap((part) => [part, encodeURIComponent(part), Buffer.from(part).toString('base64')]);
    this.#secrets = [...new Set([...this.#secrets, ...encoded])].sort((a, b) => b.length - a.length);
  }

  /** Returns a text without the secrets. */
  masked(text: string): string {
    let result = text;
    for (const secret of this.#secrets) result = result.replaceAll(secret, MASK);
    return result;
  }

  /** No line follows. */
  end(): void {
    if (this.#isOver) return;
    this.#flush();
    this.#isOver = true;
    this.#wake();
  }

  /**
   * Yields all lines from the first one on, waits for more, and returns after the last one. The last
   * lines of a log that is too long come once it has ended.
   */
  async *lines(signal: AbortSignal): AsyncGenerator<readonly LogLine[]> {
    for (let at = 0; ; ) {
      if (at < this.#head.length) {
        const lines = this.#head.slice(at, at + 256);
        at += lines.length;
        yield lines;
      } else if (this.#isOver) break;
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        const woken = () => {
          signal.removeEventListener('abort', woken);
          resolve();
        };
        this.#waiting.push(woken);
        signal.addEventListener('abort', woken);
        await promise;
      }
      if (signal.aborted) return;
    }
    if (this.#leftOut > 0) yield [{ ...this.#now(), line: `… ${this.#leftOut} lines are left out here: the log is too long` }];
    yield this.#tail;
  }

  #flush(): void {
    const rest = `${this.#partial}${this.#decoder.end()}`;
    this.#partial = '';
    this.#decoder = new StringDecoder('utf8');
    if (rest !== '' && !this.#isCutting) this.#add(rest);
    this.#isCutting = false;
  }

  #add(raw: string): void {
    if (this.#isOver) return;
    // Programs redraw a line after a carriage return: what it shows last counts.
    const drawn = stripVTControlCharacters(raw.trimEnd());
    const text = visibleName(this.masked(drawn.slice(drawn.lastIndexOf('\r') + 1)).replaceAll('\t', '    '));
    const line = text.length > MAX_LINE_CHARACTERS ? `${text.slice(0, MAX_LINE_CHARACTERS - 1)}…` : text;
    const size = line.length + LINE_OVERHEAD;
    const kept = { ...this.#now(), line: line.toWellFormed() };
    if (!this.#isFull && size <= this.#headLeft) {
      this.#headLeft -= size;
      this.#head.push(kept);
    } else {
      if (!this.#isFull) {
        this.#isFull = true;
        this.#head.push({ ...this.#now(), line: '… the log is long: its last lines follow when the build ends' });
      }
      this.#tail.push(kept);
      this.#tailCharacters += size;
      if (this.#tailCharacters > LOG_BOUNDS.tail) this.#shorten();
    }
    this.#wake();
  }

  /** Drops a quarter of the tail, so that each line costs little. */
  #shorten(): void {
    let at = 0;
    while (this.#tailCharacters > (LOG_BOUNDS.tail * 3) / 4) {
      this.#tailCharacters -= (this.#tail[at]?.line.length ?? 0) + LINE_OVERHEAD;
      at += 1;
    }
    this.#leftOut += at;
    this.#tail = this.#tail.slice(at);
  }

  #now(): { readonly atMs: number; readonly stage: BuildStage | undefined } {
    return { atMs: this.#clock.now(), stage: this.#stage };
  }

  #wake(): void {
    for (const woken of this.#waiting.splice(0)) woken();
  }
}
