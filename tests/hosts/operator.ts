import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Machine, MachineProcess } from './machine.ts';

const run = promisify(execFile);
const PROJECT = resolve(import.meta.dirname, '../..');

/** Packs this project and installs the package for all machines that see the directory. Returns the directory of its programs. */
export async function installPackage(directory: string): Promise<string> {
  mkdirSync(directory, { recursive: true });
  const { stdout } = await run('npm', ['pack', '--pack-destination', directory], { cwd: PROJECT });
  const tarball = join(directory, stdout.trim().split('\n').at(-1) ?? '');
  const prefix = join(directory, 'prefix');
  await run('npm', ['i', '-g', '--prefix', prefix, '--prefer-offline', '--no-audit', '--no-fund', tarball], { cwd: directory });
  return join(prefix, 'bin');
}

/** Somebody at the terminals of machines, who has installed the package there and types. */
export class Operator {
  readonly #env: Readonly<Record<string, string>>;
  /** Everything that was typed so far. */
  readonly typed: string[] = [];

  constructor(programs: string, env: Readonly<Record<string, string>> = {}) {
    // /run is each machine's own, unlike the home directories.
    this.#env = { PATH: `${programs}:${process.env.PATH}`, HOME: '/run', ...env };
  }

  /** Resolves with what the line prints to standard output. */
  type(machine: Machine, line: string): Promise<string> {
    this.typed.push(line);
    return this.silently(machine, line);
  }

  /** Not counted as typed: the test looks at something. */
  silently(machine: Machine, line: string): Promise<string> {
    const env = Object.entries(this.#env).map(([name, value]) => `${name}=${value}`);
    return machine.run('env', '-i', ...env, 'sh', '-c', line);
  }

  /** Starts what systemd starts on a machine that it manages. */
  supervise(machine: Machine, name: string, line: string): MachineProcess {
    return machine.launch(name, 'sh', ['-c', `exec ${line}`], this.#env);
  }
}
