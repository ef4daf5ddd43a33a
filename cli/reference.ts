import type { Raworc, Session } from '../sdk/raworc.ts';
import { Trouble, table } from './io.ts';

interface Named {
  readonly id: string;
  readonly name?: string | null;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const ID_PREFIX = /^[0-9a-f-]{1,36}$/;
/** How many sessions to show if a name or prefix matches several. */
const MAX_SHOWN = 10;

/**
 * Returns the id of a session by its id, its name, or the start of its id. The server looks it up
 * in an index.
 */
export async function findSession(raworc: Raworc, ref: string): Promise<string> {
  if (UUID.test(ref)) return ref.toLowerCase();
  const name = ref.normalize('NFC');
  const limit = MAX_SHOWN + 1;
  const named = (await raworc.sessions.list({ name, limit })).filter((session) => session.name?.normalize('NFC') === name);
  if (named.length > 0) return theOnly(ref, named);
  const prefix = ref.toLowerCase();
  if (!ID_PREFIX.test(prefix)) throw noSuch('session', ref, 'raworc session list');
  return theOnly(
    ref,
    (await raworc.sessions.list({ id_prefix: prefix, limit })).filter(({ id }) => id.startsWith(prefix)),
  );
}

function theOnly(ref: string, found: readonly Session[]): string {
  const [only] = found;
  if (only === undefined) throw noSuch('session', ref, 'raworc session list');
  if (found.length === 1) return only.id;
  const rows = found.slice(0, MAX_SHOWN).map(({ id, name, space, state, created_at }) => [id, name ?? '-', space, state, created_at]);
  const more = found.length > MAX_SHOWN ? '…\n' : '';
  const count = found.length > MAX_SHOWN ? `more than ${MAX_SHOWN}` : String(found.length);
  throw new Trouble(`"${ref}" matches ${count} sessions. Use an id:\n${table(rows)}${more}`.trimEnd());
}

/** Returns the id of one of the account's API keys, by its id, its name, or the start of its id. */
export async function findKey(raworc: Raworc, ref: string): Promise<string> {
  if (UUID.test(ref)) return ref.toLowerCase();
  const all: readonly Named[] = await collected(raworc.apiKeys.all());
  const named = all.filter(({ name }) => name?.normalize('NFC') === ref.normalize('NFC'));
  const meant = named.length > 0 ? named : all.filter(({ id }) => ref !== '' && id.startsWith(ref.toLowerCase()));
  const [only] = meant;
  if (only === undefined) throw noSuch('key', ref, 'raworc key list');
  if (meant.length === 1) return only.id;
  const some = meant.slice(0, MAX_SHOWN).map(({ id }) => id);
  throw new Trouble(`"${ref}" matches ${meant.length} keys. Use an id: ${some.join(', ')}`);
}

const noSuch = (what: string, ref: string, where: string): Trouble => new Trouble(`There is no ${what} "${ref}". \`${where}\` lists them`);

/** Returns all sessions that the account can see, newest first. */
export const allSessions = (raworc: Raworc, space?: string): Promise<Session[]> =>
  collected(raworc.sessions.all(space === undefined ? {} : { space }));

export async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
