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
    none: `No secrets in space ${space}. Set one with \`raworc secret set\``,
    columns: ['KEY', 'UPDATED', 'BY', 'DESCRIPTION'],
    row: ({ key_name, updated_at, created_by, description }) => [key_name, updated_at, created_by, description ?? '-'],
  });
}

/**
 * Creates or changes a secret. The value is typed, or read unchanged from standard input. It is
 * never an argument, because other users of the machine can see arguments.
 */
export async function setSecret(
  io: Io,
  raworc: Raworc,
  key: string,
  { space, ...more }: InSpace & { readonly description?: string },
): Promise<void> {
  const value = io.stdin.isTTY === true ? await askHidden(io, `Value of ${key} in space ${space}: `) : await readExactly(io);
  if (value === undefined) throw new Trouble('The value is not UTF-8 text. Encode it first, for example with `base64`');
  if (value === '') throw new Trouble('The value is empty. Type it, or pass it on standard input');
  try {
    await raworc.secrets.update(space, key, { value, ...more });
  } catch (error) {
    if (!(error instanceof RaworcError) || error.status !== 404) throw error;
    await raworc.secrets.create(space, { key_name: key, value, ...more });
  }
  io.stdout.line(key);
  // A trailing newline is expected in a file of several lines, but is a surprise after a single
  // one.
  if (/^[^\n]*\n$/.test(value))
    io.stderr.line('The value ends with a newline, which was kept. To leave it out, pipe the value from `printf %s`');
}

export const removeSecrets = (io: Io, raworc: Raworc, keys: readonly string[], { space }: InSpace): Promise<void> =>
  removeEach(io, keys, async (key) => {
    await raworc.secrets.delete(space, key);
    return key;
  });
