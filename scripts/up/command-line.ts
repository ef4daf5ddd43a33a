import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { placeIn, projectRoot } from '../places.ts';
import { print } from '../terminal.mjs';
import { Trouble } from '../trouble.ts';

export interface Answer {
  readonly code: number;
  readonly stdout: string;
}

/**
 * `raworc`, run as a person would. A login that the person has at another server is left alone: then ours is kept apart, in the data
 * directory.
 */
export class CommandLine {
  readonly #env: Readonly<Record<string, string | undefined>>;
  /** Whether the person's own `raworc` commands are logged in by ours. */
  readonly isShared: boolean;

  constructor(dataDir: string, url: string) {
    this.isShared = isFree(url);
    const { RAWORC_TOKEN: _token, ...env } = process.env;
    this.#env = { ...env, RAWORC_URL: url, ...(this.isShared ? {} : { XDG_CONFIG_HOME: placeIn(dataDir, 'cli') }) };
  }

  /** Answers what it printed; `show` lets the person see it too. */
  run(args: readonly string[], options: { readonly show?: boolean; readonly input?: string } = {}): Promise<Answer> {
    const child = spawn(process.execPath, [join(projectRoot, 'cli', 'raworc.mjs'), ...args], {
      cwd: projectRoot,
      detached: true, // Ctrl-C is ours to pass on.
      stdio: ['pipe', 'pipe', options.show ? 'inherit' : 'pipe'],
      env: this.#env,
    });
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
      if (options.show) print(chunk);
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ code: code ?? 1, stdout: stdout + (code === 0 ? '' : stderr) }));
    });
  }

  /** The same, where a failure ends the script. */
  async must(args: readonly string[], options: { readonly show?: boolean; readonly input?: string } = {}): Promise<string> {
    const { code, stdout } = await this.run(args, options);
    if (code === 0) return stdout;
    throw new Trouble(
      `raworc ${args.slice(0, 2).join(' ')} failed${stdout.trim() && !options.show ? `:\n${stdout.trim()}` : ''}`,
      'see above, and the logs in the data directory',
    );
  }
}

/** Whether no login is saved, or one at this very server. */
function isFree(url: string): boolean {
  const home = process.env.XDG_CONFIG_HOME || join(homedir(), '.config');
  const file = join(home, 'raworc', 'config.json');
  if (!existsSync(file)) return true;
  try {
    const saved: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return typeof saved === 'object' && saved !== null && 'url' in saved && saved.url === url;
  } catch {
    return false;
  }
}
