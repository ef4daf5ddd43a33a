import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { launch } from '../machine/launch.ts';
import { placeIn, projectRoot } from '../places.ts';
import { Trouble } from '../program.ts';
import { dim, print } from '../terminal.ts';

export interface RunOptions {
  /** Lets the person see the command and what it prints. */
  readonly show?: boolean;
  readonly input?: string;
}

/**
 * Runs `raworc` as a person would. If that person is logged in at another server, our login is kept
 * in the data directory.
 */
export class CommandLine {
  readonly #env: NodeJS.ProcessEnv;
  /** Whether the person's own `raworc` commands use our login. */
  readonly isShared: boolean;

  constructor(dataDir: string, url: string) {
    this.isShared = isFree(url);
    this.#env = { ...process.env, RAWORC_TOKEN: '', RAWORC_URL: url };
    if (!this.isShared) this.#env.XDG_CONFIG_HOME = placeIn(dataDir, 'cli');
  }

  /** Returns what the command printed. Throws Trouble if it fails. */
  async run(args: readonly string[], { show = false, input = '' }: RunOptions = {}): Promise<string> {
    if (show) print(`\n${dim('$')} raworc ${args.map((word) => (/\s/.test(word) ? `"${word}"` : word)).join(' ')}\n`);
    const output = { stdout: '', stderr: '' };
    const { ended } = launch(process.execPath, [join(projectRoot, 'cli', 'raworc.mjs'), ...args], {
      cwd: projectRoot,
      env: this.#env,
      input,
      onText(text, from) {
        output[from] += text;
        if (show) print(text);
      },
    });
    if ((await ended) === 0) return output.stdout;
    const said = show ? '' : `:\n${output.stdout}${output.stderr}`.trimEnd();
    throw new Trouble(`raworc ${args.slice(0, 2).join(' ')} failed${said}`, 'see above, and the logs in the data directory');
  }
}

/** Whether no login is saved, or one at this server. */
function isFree(url: string): boolean {
  const file = join(process.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'raworc', 'config.json');
  try {
    return !existsSync(file) || JSON.parse(readFileSync(file, 'utf8')).url === url;
  } catch {
    return false;
  }
}
