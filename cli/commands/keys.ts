import type { Raworc } from '../../sdk/raworc.ts';
import { type Io, Misuse } from '../io.ts';
import { printList } from '../listing.ts';
import { collected, findKey } from '../reference.ts';
import { removeEach } from '../removal.ts';

export async function listKeys(io: Io, raworc: Raworc, { json }: { readonly json?: boolean }): Promise<void> {
  printList(io, await collected(raworc.apiKeys.all()), {
    json,
    none: 'No API keys. Create one with `raworc key new`',
    columns: ['ID', 'NAME', 'CREATED', 'EXPIRES', 'LAST USED'],
    row: ({ id, name, created_at, expires_at, last_used_at }) => [id, name, created_at, expires_at ?? 'never', last_used_at ?? 'never'],
  });
}

/** Creates an API key and prints only the key, so that it can be piped. */
export async function newKey(io: Io, raworc: Raworc, name: string, { expires }: { readonly expires?: string }): Promise<void> {
  const made = await raworc.apiKeys.create({ name, ...(expires === undefined ? {} : { expires_at: timeOf(expires) }) });
  io.stdout.line(made.key);
  const until = made.expires_at ?? 'you delete it';
  io.stderr.line(`Valid until ${until}. It is not shown again`);
}

/** Deletes the account's own API keys by id or name. They stop working at once. */
export const removeKeys = (io: Io, raworc: Raworc, refs: readonly string[]): Promise<void> =>
  removeEach(io, refs, async (ref) => {
    const id = await findKey(raworc, ref);
    await raworc.apiKeys.delete(id);
    return id;
  });

const HOURS = { h: 1, d: 24 } as const;

/** "12h" or "30d" from now, or a time. */
function timeOf(text: string): string {
  const [, amount, unit] = /^(\d{1,5})([hd])$/.exec(text) ?? [];
  const at = amount === undefined ? Date.parse(text) : Date.now() + Number(amount) * HOURS[unit === 'h' ? 'h' : 'd'] * 3_600_000;
  if (Number.isNaN(at)) throw new Misuse(`"${text}" is not a time. Use one such as 30d, 12h or 2030-01-31T00:00:00Z`);
  return new Date(at).toISOString();
}
