import type { Raworc, Session } from '../sdk/raworc.ts';
import { Trouble } from './io.ts';

interface Named {
  readonly id: string;
  readonly name?: string | null;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The id of the session that a person means by its id, the beginning of it, or its name. */
export const findSession = (raworc: Raworc, ref: string): Promise<string> =>
  find('session', ref, () => allSessions(raworc), 'raworc session list');

/** The same for an API key of one's own. */
export const findKey = (raworc: Raworc, ref: string): Promise<string> =>
  find('key', ref, () => collected(raworc.apiKeys.all()), 'raworc key list');

/** All sessions that the account may see, newest first. */
export const allSessions = (raworc: Raworc, space?: string): Promise<Session[]> =>
  collected(raworc.sessions.all(space === undefined ? {} : { space }));

export async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function find(what: string, ref: string, list: () => Promise<readonly Named[]>, where: string): Promise<string> {
  if (UUID.test(ref)) return ref.toLowerCase();
  const all = await list();
  const named = all.filter(({ name }) => name === ref);
  const meant = named.length > 0 ? named : all.filter(({ id }) => ref !== '' && id.startsWith(ref.toLowerCase()));
  const [only] = meant;
  if (only === undefined) throw new Trouble(`There is no ${what} "${ref}": \`${where}\` shows those there are`);
  if (meant.length > 1) {
    const some = meant.slice(0, 3).map(({ id }) => id);
    throw new Trouble(
      `"${ref}" may be one of ${meant.length} ${what}s (${some.join(', ')}${meant.length > 3 ? ', …' : ''}): give more of the id`,
    );
  }
  return only.id;
}
