import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Me, Raworc, RaworcError } from '../../sdk/raworc.ts';
import { DEFAULT_URL, findAccess, forgetLogin, saveLogin, serverUrl } from '../config.ts';
import { askHidden, readInput, withoutNewline } from '../hidden-input.ts';
import { type Io, Misuse, Trouble, table } from '../io.ts';
import { trustOnly } from '../private-ca.ts';

export interface LoginOptions {
  readonly url?: string;
  readonly user: string;
  readonly passwordFile?: string;
  readonly ca?: string;
}

/**
 * Logs in and saves the token. The password is typed, or read from a file or standard input; never
 * an argument.
 */
export async function login(io: Io, options: LoginOptions): Promise<void> {
  const url = serverUrl(options.url || io.env.RAWORC_URL || DEFAULT_URL);
  const ca = options.ca || io.env.RAWORC_CA_FILE;
  if (options.ca && !url.startsWith('https:')) throw new Misuse(`--ca is for a server with TLS, and ${url} does not begin with https://`);
  if (ca) await trustOnly(ca);
  const pass = await readPassword(io, url, options);
  if (pass === '') throw new Trouble('The password is empty');
  const raworc = new Raworc({ url, signal: io.signal, retry: { tries: 3, totalMs: 5_000 } });
  const { token } = await raworc.auth.login({ user: options.user, pass });
  const file = await saveLogin(io, { url, token, user: options.user, ...(ca ? { ca_file: resolve(ca) } : {}) });
  io.stdout.line(`Logged in at ${url} as ${options.user}. The token is saved in ${file}`);
  if (isOpenWire(url))
    io.stderr.write('Warning: the password was sent over plain HTTP, which others on the network can read. Set up TLS and use https://\n');
}

/** Revokes the token, or every token of the account, and deletes the saved login. */
export async function logout(io: Io, raworc: Raworc, options: { readonly everywhere?: boolean }): Promise<void> {
  const { url, token } = await findAccess(io);
  if (token === undefined) throw new Trouble(`You are not logged in at ${url}`);
  try {
    await raworc.auth.logout(options.everywhere === true ? { everywhere: true } : {});
  } catch (error) {
    // It has expired or been revoked.
    if (!(error instanceof RaworcError) || error.status !== 401) throw error;
  }
  await forgetLogin(io, token);
  io.stdout.line(`Logged out at ${url}${options.everywhere === true ? ' and everywhere else' : ''}`);
}

/** Shows the account of the login. */
export async function whoAmI(io: Io, raworc: Raworc, options: { readonly json?: boolean }): Promise<void> {
  const me = await raworc.auth.me();
  if (options.json === true) {
    io.stdout.write(`${JSON.stringify(me, null, 2)}\n`);
    return;
  }
  const { url } = await findAccess(io);
  io.stdout.write(
    table([
      ['user', me.user],
      ['roles', rolesOf(me)],
      ['server', url],
    ]),
  );
}

/** "admin everywhere, developer in lab, team-a" */
function rolesOf({ roles, role_bindings: bindings }: Me): string {
  const places = roles.map((role) => {
    const spaces = (bindings ?? []).filter(({ role_name }) => role_name === role).map(({ space }) => space);
    if (spaces.length === 0) return role;
    return spaces.includes(null) ? `${role} everywhere` : `${role} in ${spaces.join(', ')}`;
  });
  return places.join('; ') || '-';
}

async function readPassword(io: Io, url: string, { user, passwordFile }: LoginOptions): Promise<string> {
  if (passwordFile === '-') return readInput(io);
  if (passwordFile !== undefined) {
    const content = await readFile(passwordFile, 'utf8').catch((error: Error) => {
      throw new Trouble(`Cannot read the password file: ${error.message}`);
    });
    return withoutNewline(content);
  }
  if (io.stdin.isTTY !== true)
    throw new Trouble('Cannot ask for the password without a terminal. Use --password-file FILE, or --password-file - for standard input');
  return askHidden(io, `Password of ${user} at ${url}: `);
}

function isOpenWire(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && hostname !== 'localhost' && hostname !== '[::1]' && !hostname.startsWith('127.');
}
