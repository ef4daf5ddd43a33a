import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { didYouMean } from './closest.ts';
import { parseConfig } from './config-file.ts';
import { knownVariables, settingVariables, variableOf } from './names.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Settings whose value is a secret. A file that contains one must be private. */
const SECRETS = ['admin_password', 'nats_password', 'nats_token', 'registry_password', 'registry_s3_secret_key'];

export interface LoadOptions {
  /** Names of the settings, as in names.ts. */
  readonly names: readonly string[];
  /** Flags that the file can set too, such as `cpu-millis`. */
  readonly flags?: readonly string[];
  readonly args: readonly string[];
  readonly env: Environment;
  /** Read if it exists, unless --config or RAWORC_CONFIG names another file. */
  readonly defaultFile: string;
}

export interface Loaded {
  /** The environment, and what the file sets besides. */
  readonly env: Environment;
  /** The arguments without --config, after the flags that the file sets. */
  readonly args: readonly string[];
  /** The file that --config or RAWORC_CONFIG names. */
  readonly file: string | undefined;
}

/**
 * Reads the settings of a program: flags win over environment variables, and these over the file.
 * Throws an error that names the unknown or invalid setting and the file.
 */
export function loadSettings({ names, flags = [], args, env, defaultFile }: LoadOptions): Loaded {
  const unknown = settingVariables(env).find((name) => !knownVariables.includes(name));
  if (unknown !== undefined) throw new Error(`there is no setting ${unknown}.${didYouMean(unknown, knownVariables)}`);
  const { file: flag, rest } = takeConfig(args);
  const named = flag ?? (env.RAWORC_CONFIG || undefined);
  const file = named === undefined ? undefined : resolve(named);
  const settings = readConfig(file, defaultFile, [...names.map((name) => name.toLowerCase()), ...flags.map(keyOf)]);
  const fromFile = (own: readonly string[]) =>
    own.flatMap((name) => (settings.has(name) ? [[name, settings.get(name) ?? ''] as const] : []));
  const variables = fromFile(names.map((name) => name.toLowerCase())).map(([key, value]) => [variableOf(key), value] as const);
  const isSet = (name: string) => (env[name] ?? '') !== '';
  // NAME and NAME_FILE set the same thing, so either of them in the environment wins over both.
  const isOverridden = (name: string) => isSet(name) || isSet(`${name}_FILE`) || (name.endsWith('_FILE') && isSet(name.slice(0, -5)));
  const found: Environment = { ...env, ...Object.fromEntries(variables.filter(([name]) => !isOverridden(name))) };
  const level = found.RAWORC_LOG_LEVEL || 'info';
  if (level !== 'info' && level !== 'debug') throw new Error(`RAWORC_LOG_LEVEL must be info or debug, not "${level}"`);
  return {
    file,
    env: found,
    // parseArgs takes the last value of a flag.
    args: [...flags.flatMap((flag) => (settings.has(keyOf(flag)) ? [`--${flag}=${settings.get(keyOf(flag))}`] : [])), ...rest],
  };
}

const keyOf = (flag: string) => flag.replaceAll('-', '_');

/** Takes `--config FILE` or `--config=FILE` out of the arguments. */
function takeConfig(args: readonly string[]): { readonly file: string | undefined; readonly rest: readonly string[] } {
  const at = args.findIndex((arg) => arg === '--config' || arg.startsWith('--config='));
  if (at === -1) return { file: undefined, rest: args };
  const isSplit = args[at] === '--config';
  const file = isSplit ? args[at + 1] : args[at]?.slice('--config='.length);
  if (file === undefined || file === '') throw new Error('--config needs the name of a file');
  return { file, rest: [...args.slice(0, at), ...args.slice(at + (isSplit ? 2 : 1))] };
}

function readConfig(named: string | undefined, defaultFile: string, keys: readonly string[]): ReadonlyMap<string, string> {
  const file = named ?? defaultFile;
  let text: string;
  let mode: number;
  try {
    text = readFileSync(file, 'utf8');
    mode = statSync(file).mode;
  } catch (error) {
    if (named === undefined && error instanceof Error && 'code' in error && error.code === 'ENOENT') return new Map();
    throw new Error(`cannot read the configuration file ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  let settings: ReadonlyMap<string, string>;
  try {
    settings = parseConfig(text, keys);
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const secret = SECRETS.find((name) => settings.has(name));
  if (secret !== undefined && (mode & 0o077) !== 0)
    throw new Error(
      `${file} contains ${secret}, and other users can read it: chmod 600 ${file}, or move the secret and set ${secret}_file`,
    );
  if (/\/\/[^/]*@/.test(settings.get('nats_url') ?? '') && (mode & 0o077) !== 0)
    throw new Error(`nats_url in ${file} contains a secret, and other users can read it: chmod 600 ${file}, or set nats_password_file`);
  return settings;
}
