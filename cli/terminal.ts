import type { Writable } from 'node:stream';
import { visibleText } from '../seams/terminal-text.ts';

/** Our own text, with intended control characters. It never contains text from others. */
export class Own {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Written = string | Own;

export const textOf = (part: Written): string => (part instanceof Own ? part.text : part);

/** Escapes line breaks, so that text from others cannot look like a line of ours. */
export const onOneLine = (text: string): string => text.replace(/[\r\n]/g, (end) => (end === '\n' ? '\\u000a' : '\\u000d'));

/** Indents all lines of a text but the first. */
export const indented = (text: string): string => text.trimEnd().replace(/\r?\n/g, '\n  ');

/** An output stream, perhaps a terminal. */
export type Screen = Writable & { readonly isTTY?: boolean };

/**
 * The only way to write to a terminal: escapes control characters in text from others. A pipe or
 * file gets every byte unchanged.
 */
export class Terminal {
  /** For readline's line editor. */
  readonly stream: Screen;
  readonly isTTY: boolean;

  constructor(stream: Screen) {
    this.stream = stream;
    this.isTTY = stream.isTTY === true;
  }

  write(...parts: readonly Written[]): boolean {
    return this.stream.write(parts.map((part) => this.#spelled(part)).join(''));
  }

  /** Writes one line. */
  line(...parts: readonly Written[]): boolean {
    return this.write(...parts.map((part) => (typeof part === 'string' && this.isTTY ? onOneLine(part) : part)), '\n');
  }

  #spelled(part: Written): string {
    if (part instanceof Own) return part.text;
    return this.isTTY ? visibleText(part) : part;
  }
}
