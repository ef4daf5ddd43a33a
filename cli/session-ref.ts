import { type Session, sessions as sessionList } from './api.ts';
import type { Client } from './client.ts';
import { Trouble } from './io.ts';

const PAGE = 1000;

/** All sessions that the account may see, newest first. */
export async function allSessions(client: Client, space?: string): Promise<Session[]> {
  const found = new Map<string, Session>();
  for (let offset = 0; ; offset += PAGE) {
    const query = new URLSearchParams({ limit: String(PAGE), offset: String(offset), ...(space === undefined ? {} : { space }) });
    const page = await client.call(sessionList, `/sessions?${query}`);
    // By id: one that is made meanwhile moves the others to the next page.
    for (const session of page) found.set(session.id, session);
    if (page.length < PAGE) return [...found.values()];
  }
}

/** The id of the session that a person means by its id, the beginning of it, or its name. */
export async function findSession(client: Client, ref: string): Promise<string> {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(ref)) return ref.toLowerCase();
  const all = await allSessions(client);
  const named = all.filter(({ name }) => name === ref);
  const meant = named.length > 0 ? named : all.filter(({ id }) => ref !== '' && id.startsWith(ref.toLowerCase()));
  const [only] = meant;
  if (only === undefined) throw new Trouble(`There is no session "${ref}": \`raworc session list\` shows those there are`);
  if (meant.length > 1) {
    const some = meant.slice(0, 3).map(({ id }) => id);
    throw new Trouble(
      `"${ref}" may be one of ${meant.length} sessions (${some.join(', ')}${meant.length > 3 ? ', …' : ''}): give more of the id`,
    );
  }
  return only.id;
}
