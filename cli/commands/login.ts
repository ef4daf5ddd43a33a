import { readFile } from 'node:fs/promises';
import { type Me, Raworc, RaworcError } from '../../sdk/raworc.ts';
import { DEFAULT_URL, findAccess, forgetLogin, saveLogin, serverUrl } from '../config.ts';
import { askHidden, readInput, withoutNewline } from '../hidden-input.ts';
import { type Io, Trouble, table } from '../io.ts';

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
  const raworc = new Raworc({ url, signal: io.signal, retry: { tries: 3, totalMs: 5_000 } });
  const { token } = await raworc.auth.login({ user: options.user, pass });
  const file = await saveLogin(io, { url, token, user: options.user });
  io.stdout.line(`Logged in at ${url} as ${options.user}; kept in ${file}`);
  if (isOpenWire(url))
    io.stderr.write(
      'Note: this went over plain HTTP, which anybody on the way can read. Give the server a certificate and use https://.\n',
    );
}

/** Ends the token, or every token of the account, and forgets it here. */
export async function logout(io: Io, raworc: Raworc, options: { readonly everywhere?: boolean }): Promise<void> {
  const { url, token } = await findAccess(io);
  if (token === undefined) throw new Trouble(`There is no login at ${url}`);
  try {
    await raworc.auth.logout(options.everywhere === true ? { everywhere: true } : {});
  } catch (error) {
    // It has ended already.
    if (!(error instanceof RaworcError) || error.status !== 401) throw error;
  }
  await forgetLogin(io, token);
  io.stdout.line(`Logged out at ${url}${options.everywhere === true ? ', everywhere' : ''}`);
}

/** Says whose login it is. */
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
      throw new Trouble(`The password file cannot be read: ${error.message}`);
    });
    return withoutNewline(content);
  }
  if (io.stdin.isTTY !== true)
    throw new Trouble('There is no terminal to ask for the password: give --password-file FILE, or - for standard input');
  return askHidden(io, `Password of ${user} at ${url}: `);
}

function isOpenWire(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && hostname !== 'localhost' && hostname !== '[::1]' && !hostname.startsWith('127.');
}
