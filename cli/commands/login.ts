import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { login as loginAnswer } from '../api.ts';
import { Client } from '../client.ts';
import { DEFAULT_URL, saveLogin, serverUrl } from '../config.ts';
import { type Io, Trouble } from '../io.ts';

export interface LoginOptions {
  readonly url?: string;
  readonly user: string;
  readonly passwordFile?: string;
}

/** Logs in and keeps the token. The password comes from a file, from standard input, or from the keyboard: never from an argument. */
export async function login(io: Io, options: LoginOptions): Promise<void> {
  const url = serverUrl(options.url || io.env.RAWORC_URL || DEFAULT_URL);
  const pass = await readPassword(io, url, options);
  if (pass === '') throw new Trouble('The password is empty');
  const client = new Client({ url, token: undefined }, io.signal);
  const { token } = await client.call(loginAnswer, '/auth/login', { method: 'POST', body: { user: options.user, pass } });
  const file = await saveLogin(io, { url, token, user: options.user });
  io.stdout.write(`Logged in at ${url} as ${options.user}; kept in ${file}\n`);
  if (isOpenWire(url))
    io.stderr.write(
      'Note: this went over plain HTTP, which anybody on the way can read. Give the server a certificate and use https://.\n',
    );
}

async function readPassword(io: Io, url: string, { user, passwordFile }: LoginOptions): Promise<string> {
  if (passwordFile === '-') return withoutNewline(await text(io.stdin));
  if (passwordFile !== undefined) {
    const content = await readFile(passwordFile, 'utf8').catch((error: Error) => {
      throw new Trouble(`The password file cannot be read: ${error.message}`);
    });
    return withoutNewline(content);
  }
  if (io.stdin.isTTY !== true)
    throw new Trouble('There is no terminal to ask for the password: give --password-file FILE, or - for standard input');
  io.stderr.write(`Password of ${user} at ${url}: `);
  // The line editor works as ever, but what it would echo goes nowhere.
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

const withoutNewline = (line: string): string => line.replace(/\r?\n$/, '');

function isOpenWire(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && hostname !== 'localhost' && hostname !== '[::1]' && !hostname.startsWith('127.');
}
