import type { Writable } from 'node:stream';
import { visibleText } from '../seams/terminal-text.ts';

/** Text of our own, with the control characters that we mean. What others wrote never goes into it. */
export class Own {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Written = string | Own;

export const textOf = (part: Written): string => (part instanceof Own ? part.text : part);

/** So that what others wrote cannot look like another line of ours. */
export const onOneLine = (text: string): string => text.replace(/[\r\n]/g, (end) => (end === '\n' ? '\\u000a' : '\\u000d'));

/** Several lines of others, of which only the first begins where ours do. */
export const indented = (text: string): string => text.trimEnd().replace(/\r?\n/g, '\n  ');

/** A stream that a person may read. */
export type Screen = Writable & { readonly isTTY?: boolean };

/**
 * The one way to a terminal: what others wrote is spelled out where a terminal would act on it. Into a pipe or a file, every byte goes as
 * it is.
 */
export class Terminal {
  /** For readline, which edits what is typed. */
  readonly stream: Screen;
  readonly isTTY: boolean;

  constructor(stream: Screen) {
    this.stream = stream;
    this.isTTY = stream.isTTY === true;
  }

  write(...parts: readonly Written[]): boolean {
    return this.stream.write(parts.map((part) => this.#spelled(part)).join(''));
  }

  /** One line, whatever others wrote into it. */
  line(...parts: readonly Written[]): boolean {
    return this.write(...parts.map((part) => (typeof part === 'string' && this.isTTY ? onOneLine(part) : part)), '\n');
  }

  #spelled(part: Written): string {
    if (part instanceof Own) return part.text;
    return this.isTTY ? visibleText(part) : part;
  }
}
