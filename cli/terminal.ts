import type { Writable } from 'node:stream';
import { visibleText } from '../seams/terminal-text.ts';

/** Our own text, with control characters that we mean. It never contains text of others. */
export class Own {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Written = string | Own;

export const textOf = (part: Written): string => (part instanceof Own ? part.text : part);

/** Spells out line ends, so that text of others cannot look like another line of ours. */
export const onOneLine = (text: string): string => text.replace(/[\r\n]/g, (end) => (end === '\n' ? '\\u000a' : '\\u000d'));

/** Indents all lines of a text but the first. */
export const indented = (text: string): string => text.trimEnd().replace(/\r?\n/g, '\n  ');

/** An output stream, perhaps a terminal. */
export type Screen = Writable & { readonly isTTY?: boolean };

/**
 * The only way to write to a terminal: control characters in text of others are spelled out. A pipe
 * or file gets every byte as it is.
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
