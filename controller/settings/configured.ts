import { print } from '../../seams/print.ts';
import { type Loaded, loadSettings } from '../../settings/load.ts';
import { CONTROLLER_SETTINGS } from '../../settings/names.ts';

export const FILE = '/etc/raworc/controller.toml';

/** What to do if a tool looks for the controller in the wrong place. */
export const SET_DIRECTORY = `Set RAWORC_DATA_DIR, or data_dir in ${FILE}`;

/**
 * Returns the settings of the controller and its tools as environment variables: those that are
 * set, and others as its configuration file sets them. @throws on an unknown setting.
 */
export function configured(args: readonly string[], env: NodeJS.ProcessEnv): Loaded {
  return loadSettings({ names: CONTROLLER_SETTINGS, args, env, defaultFile: FILE });
}

/** The same, for a tool that runs to its end: an unknown setting ends it with exit code 2. */
export function configuredTool(): Loaded {
  try {
    return configured(process.argv.slice(2), process.env);
  } catch (error) {
    print(`raworc-controller: ${error instanceof Error ? error.message : String(error)}`, 'stderr');
    process.exit(2);
  }
}
