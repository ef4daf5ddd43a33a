import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { arrayBuffer, text } from 'node:stream/consumers';
import type { Io } from './io.ts';

/** Reads a line from the terminal without showing it. */
export async function askHidden(io: Io, prompt: string): Promise<string> {
  io.stderr.write(prompt);
  // The line editor works as usual, but its echo is discarded.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reading = createInterface({ input: io.stdin, output: nowhere, terminal: true });
  const stop = new AbortController();
  reading.on('SIGINT', () => stop.abort());
  try {
    return await reading.question('', { signal: AbortSignal.any([stop.signal, io.signal]) });
  } finally {
    reading.close();
    io.stderr.write('\n');
  }
}

/** Reads all of standard input. Returns undefined if it is not UTF-8. */
export async function readExactly(io: Io): Promise<string | undefined> {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await arrayBuffer(io.stdin));
  } catch (error) {
    if (error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return undefined;
    throw error;
  }
}

/** Reads standard input, without the newline at its end. */
export const readInput = async (io: Io): Promise<string> => withoutNewline(await text(io.stdin));

export const withoutNewline = (content: string): string => content.replace(/\r?\n$/, '');
