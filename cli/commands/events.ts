import type { Raworc } from '../../sdk/raworc.ts';
import { type Io, painted } from '../io.ts';
import { findSession } from '../reference.ts';
import { onOneLine } from '../terminal.ts';

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Follows the events of one session until it is deleted, or of all sessions that the account can
 * see, until it is interrupted. Survives a restart of the server.
 */
export async function followEvents(io: Io, raworc: Raworc, ref: string | undefined, options: { readonly json?: boolean }): Promise<void> {
  const events = await raworc.events(ref === undefined ? {} : { session: await findSession(raworc, ref) });
  try {
    for await (const heard of events) {
      if (heard.kind !== 'event') {
        if (options.json !== true) io.stderr.line(painted(io, io.stderr, 'dim', 'reconnected'));
      } else if (options.json === true) io.stdout.line(JSON.stringify({ type: heard.type, data: heard.data }));
      else io.stdout.write(lineOf(heard.type, heard.data));
    }
  } finally {
    await events.close();
  }
}

/** Returns the time, type, subject and main detail of an event. */
function lineOf(type: string, data: Fields): string {
  const inner = ['session', 'message', 'build', 'node', 'agent'].flatMap((name) => (isFields(data[name]) ? [data[name]] : []))[0] ?? {};
  const words = [data.at, type, data.session_id ?? inner.session_id ?? inner.id, detail(type, data, inner)];
  return `${words.flatMap((word) => (typeof word === 'string' && word !== '' ? [onOneLine(word)] : [])).join('  ')}\n`;
}

function detail(type: string, data: Fields, inner: Fields): unknown {
  if (type === 'delta') return JSON.stringify(data.text);
  if (type === 'log') return data.line;
  if (type === 'message.created') return `${inner.role}: ${JSON.stringify(String(inner.content).slice(0, 120))}`;
  return inner.state ?? inner.status ?? inner.name ?? data.reason;
}
