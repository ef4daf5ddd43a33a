import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { closest } from '../settings/closest.ts';
import { knownVariables, settingVariables } from '../settings/names.ts';
import { type Io, Misuse, Trouble } from './io.ts';

export const DEFAULT_URL = 'http://127.0.0.1:9000';

export interface SavedLogin {
  readonly url: string;
  readonly token: string;
  readonly user: string;
  readonly ca_file?: string | undefined;
}

/** By hand: zod, with its hundred files, would take a third of the time in which the client starts. */
function isSavedLogin(value: unknown): value is SavedLogin {
  if (typeof value !== 'object' || value === null) return false;
  const { url, token, user, ca_file }: Partial<Record<string, unknown>> = { ...value };
  return [url, token, user].every((field) => typeof field === 'string') && (ca_file === undefined || typeof ca_file === 'string');
}

export interface Access {
  readonly url: string;
  readonly token: string | undefined;
  /** The only CA to trust, unless it is undefined. */
  readonly caFile: string | undefined;
}

function configFile({ env }: Io): string {
  const home = env.XDG_CONFIG_HOME;
  return join(home?.startsWith('/') ? home : join(env.HOME ?? homedir(), '.config'), 'raworc', 'config.json');
}

/**
 * Saves the login, readable by its owner only. A concurrent reader sees the old login or the new
 * one.
 */
export async function saveLogin(io: Io, login: SavedLogin): Promise<string> {
  const file = configFile(io);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomUUID()}`;
  try {
    await writeFile(draft, `${JSON.stringify(login, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  return file;
}

/** Deletes the saved login if it has this token. */
export async function forgetLogin(io: Io, token: string): Promise<void> {
  if ((await readSaved(io))?.token === token) await rm(configFile(io), { force: true });
}

const VARIABLES = ['RAWORC_URL', 'RAWORC_TOKEN', 'RAWORC_CA_FILE'];

/**
 * Refuses a variable that can only be a misspelling of one of the CLI's: the command would go to
 * another server, or run as another account. Variables of agents and of other programs pass.
 */
export function checkVariables(env: Io['env']): void {
  for (const name of settingVariables(env)) {
    const meant = knownVariables.includes(name) ? undefined : closest(name, VARIABLES);
    if (meant !== undefined) throw new Misuse(`there is no variable ${name}. Did you mean ${meant}?`);
  }
}

/**
 * RAWORC_URL, RAWORC_TOKEN and RAWORC_CA_FILE override the saved login. A saved token is sent only
 * to the server that issued it.
 */
export async function findAccess(io: Io): Promise<Access> {
  const known = await readSaved(io);
  const url = serverUrl(io.env.RAWORC_URL || known?.url || DEFAULT_URL);
  const own = known !== undefined && serverUrl(known.url) === url ? known : undefined;
  return { url, token: io.env.RAWORC_TOKEN || own?.token, caFile: io.env.RAWORC_CA_FILE || own?.ca_file };
}

async function readSaved(io: Io): Promise<SavedLogin | undefined> {
  const file = configFile(io);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new Trouble(`Cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const saved = jsonIn(text);
  if (!isSavedLogin(saved)) throw new Trouble(`${file} is damaged. Delete it and run \`raworc login\``);
  return saved;
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Returns the address without a trailing slash, so that paths can be appended and two spellings
 * compared.
 */
export function serverUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new Trouble(`"${text}" is not the address of a server. Use one such as ${DEFAULT_URL}`);
  }
  if (url.username !== '' || url.password !== '') throw new Trouble('The address cannot contain a user and password. Use `raworc login`');
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
