import { resolve } from 'node:path';
import { messageOf } from '../seams/message-of.ts';
import { print } from '../seams/print.ts';
import { loadSettings } from '../settings/load.ts';
import { NODE_AGENT_SETTINGS } from '../settings/names.ts';
import { FLAGS, type Flags, parseFlags } from './flags.ts';
import { checkVariables } from './host-settings.ts';

export interface Configured {
  readonly flags: Flags;
  /** The variables that are set, and others as the configuration file sets them. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The flags that were given, without those of the configuration file. */
  readonly given: readonly string[];
  /** The configuration file, if it is not the default one. */
  readonly file: string | undefined;
}

export const FILE = '/etc/raworc/node-agent.toml';

/** Ends the process with exit code 2, for wrong usage and invalid settings. */
export function refuse(problem: string): never {
  print(`raworc-node-agent: ${problem}\nSee raworc-node-agent --help`, 'stderr');
  process.exit(2);
}

/** Returns the settings of this process. An invalid one ends it with exit code 2. */
export function configured(given: readonly string[] = process.argv.slice(2)): Configured {
  try {
    const { env, args, file } = loadSettings({
      names: NODE_AGENT_SETTINGS,
      flags: FLAGS,
      args: given,
      env: process.env,
      defaultFile: FILE,
    });
    checkVariables(env);
    const parsed = parseFlags(args);
    if (!parsed.ok) return refuse(parsed.problem);
    return { flags: { ...parsed.flags, dataDirectory: resolve(parsed.flags.dataDirectory) }, env, given, file };
  } catch (error) {
    return refuse(messageOf(error));
  }
}
