import { type Raworc, RaworcError } from '../../sdk/raworc.ts';
import { askHidden, readExactly } from '../hidden-input.ts';
import { type Io, Trouble } from '../io.ts';
import { printList } from '../listing.ts';
import { collected } from '../reference.ts';
import { removeEach } from '../removal.ts';

interface InSpace {
  readonly space: string;
}

/** Lists the keys of secrets, never the values. */
export async function listSecrets(io: Io, raworc: Raworc, { space, json }: InSpace & { readonly json?: boolean }): Promise<void> {
  printList(io, await collected(raworc.secrets.all(space)), {
    json,
    none: `There are no secrets in space ${space}: set one with \`raworc secret set\``,
    columns: ['KEY', 'UPDATED', 'BY', 'DESCRIPTION'],
    row: ({ key_name, updated_at, created_by, description }) => [key_name, updated_at, created_by, description ?? '-'],
  });
}

/**
 * Makes a secret or changes it. The value comes from standard input, every byte of it, or from the keyboard: never from an argument, which others
 * could see.
 */
export async function setSecret(
  io: Io,
  raworc: Raworc,
  key: string,
  { space, ...more }: InSpace & { readonly description?: string },
): Promise<void> {
  const value = io.stdin.isTTY === true ? await askHidden(io, `Value of ${key} in space ${space}: `) : await readExactly(io);
  if (value === undefined) throw new Trouble('The value is not UTF-8 text: encode it first, for instance with `base64`');
  if (value === '') throw new Trouble('The value is empty: give it on standard input or type it');
  try {
    await raworc.secrets.update(space, key, { value, ...more });
  } catch (error) {
    if (!(error instanceof RaworcError) || error.status !== 404) throw error;
    await raworc.secrets.create(space, { key_name: key, value, ...more });
  }
  io.stdout.line(key);
  // A file of several lines ends so; of a single one it may surprise.
  if (/^[^\n]*\n$/.test(value)) io.stderr.line('The value ends with a newline, which is kept. Pipe it from `printf %s` to leave it out');
}

export const removeSecrets = (io: Io, raworc: Raworc, keys: readonly string[], { space }: InSpace): Promise<void> =>
  removeEach(io, keys, async (key) => {
    await raworc.secrets.delete(space, key);
    return key;
  });
