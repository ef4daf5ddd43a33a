import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import type { Conversation, Raworc, SayOptions } from '../../sdk/raworc.ts';
import { type Io, painted, Trouble } from '../io.ts';
import { findSession } from '../reference.ts';
import { indented, onOneLine, textOf } from '../terminal.ts';
import { printTrace } from '../trace-tree.ts';
import { Interruption } from './interruption.ts';
import { explainWaiting } from './waiting-note.ts';

export interface ChatOptions {
  readonly agent?: string | undefined;
  /** Shows after each answer which agents asked one another. */
  readonly trace?: boolean | undefined;
}

/**
 * Sends one message, or on a terminal each that is typed, and prints the answers. Returns whether
 * the last was a reply.
 */
export async function chat(io: Io, raworc: Raworc, ref: string, content: string | undefined, options: ChatOptions): Promise<boolean> {
  const isTyped = content === undefined && io.stdin.isTTY === true;
  const only = content ?? (isTyped ? undefined : (await text(io.stdin)).trimEnd());
  if (only === '') throw new Trouble('The message is empty');
  const session = await findSession(raworc, ref);
  const talk = await raworc.converse(session);
  const interruption = new Interruption(io, talk);
  const say: Say = async (message) => {
    const waiting = explainWaiting(io, raworc, session);
    const note = interruption.begin();
    let id = '';
    const posted: SayOptions['posted'] = (sent) => {
      id = sent.id;
      note(sent);
    };
    let isReply: boolean;
    try {
      isReply = await exchange(io, talk, message, { agent: options.agent, posted }, () => waiting.close());
    } finally {
      interruption.end();
      waiting.close();
    }
    if (options.trace === true) printTrace(io, io.stderr, await raworc.traces.get(session, id));
    return isReply;
  };
  io.onInterrupt?.(() => interruption.interrupt());
  try {
    if (only !== undefined) return await say(only);
    return await talkOn(io, say, interruption);
  } finally {
    io.onInterrupt?.(undefined);
    await talk.close();
  }
}

/** Returns whether the answer is a reply. */
type Say = (content: string) => Promise<boolean>;

async function talkOn(io: Io, say: Say, interruption: Interruption): Promise<boolean> {
  const leaving = new AbortController();
  const lines = createInterface({ input: io.stdin, output: io.stdout.stream, terminal: true, historySize: 200 });
  const signal = AbortSignal.any([leaving.signal, io.signal]);
  lines.on('SIGINT', () => interruption.interrupt() || leaving.abort()).on('close', () => leaving.abort());
  let went = true;
  try {
    for (;;) {
      const line = (await lines.question(textOf(painted(io, io.stdout, 'bold', '> ')), { signal })).trim();
      if (line !== '') went = await orGone(say(line), signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    io.stdout.write('\n');
    return went;
  } finally {
    lines.close();
  }
}

/** A second Ctrl-C leaves while an answer is awaited. The session keeps the answer. */
function orGone<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => undefined);
  const gone = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  gone.catch(() => undefined);
  return Promise.race([work, gone]);
}

async function exchange(io: Io, talk: Conversation, content: string, options: SayOptions, began: () => void): Promise<boolean> {
  let printed = '';
  for await (const said of talk.say(content, options)) {
    began();
    if (said.kind === 'piece') {
      io.stdout.write(said.text);
      printed += said.text;
      continue;
    }
    const { message } = said;
    if (message.metadata.type === 'error_response') {
      if (printed !== '') io.stdout.write('\n');
      const reason = typeof message.metadata.reason === 'string' ? ` (${onOneLine(message.metadata.reason)})` : '';
      io.stderr.write(painted(io, io.stderr, 'red', '✗'), ` ${indented(message.content)}${reason}\n`);
      return false;
    }
    // The answer replaces the streamed text: if they differ, the whole answer is printed.
    const rest = message.content.startsWith(printed) ? message.content.slice(printed.length) : `\n${message.content}`;
    io.stdout.write(rest.endsWith('\n') || (rest === '' && printed.endsWith('\n')) ? rest : `${rest}\n`);
  }
  return true;
}
