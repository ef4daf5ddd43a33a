import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { placeIn } from '../places.ts';
import { Trouble } from '../program.ts';
import { findProgram, run } from './launch.ts';

type Progress = (text: string) => void;

/**
 * Gets Debian's packages, without questions and without recommended packages. The package lists are
 * updated once.
 */
export class Apt {
  readonly #dataDir: string;
  #isUpdated = false;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** Installs the packages of those programs that are missing on the machine. */
  async ensure(packageOf: Readonly<Record<string, string>>, progress: Progress): Promise<void> {
    const missing = Object.entries(packageOf).filter(([program]) => findProgram(program) === undefined);
    const packages = [...new Set(missing.map(([, name]) => name))];
    if (packages.length > 0) await this.#get(packages, ['install', '-y', '-qq', '--no-install-recommends', ...packages], progress);
  }

  /**
   * Returns the path of a daemon that Raworc runs itself. If it is missing, its package is unpacked
   * below the data directory: an installed one would start as a service, open to the network, and
   * again on every boot.
   */
  async fetch(name: string, progress: Progress): Promise<string> {
    const target = join(this.#dataDir, 'tools', name);
    const find = () =>
      findProgram(
        name,
        ['usr/sbin', 'usr/bin'].map((place) => join(target, place)),
      );
    const known = find();
    if (known !== undefined) return known;
    const download = placeIn(this.#dataDir, 'tmp', `apt-${name}`);
    try {
      await this.#get([name], ['download', '-qq', name], progress, download);
      mkdirSync(target, { recursive: true });
      const files = readdirSync(download).map((file) => join(download, file));
      for (const file of files) await run('dpkg-deb', ['-x', file, target], { logFile: this.#logFile, remedy: `apt-get install ${name}` });
    } finally {
      rmSync(download, { recursive: true, force: true });
    }
    const path = find();
    if (path === undefined) throw new Trouble(`the package ${name} does not contain the program ${name}`, `install ${name} yourself`);
    return path;
  }

  get #logFile(): string {
    return join(placeIn(this.#dataDir, 'logs'), 'apt.log');
  }

  async #get(packages: readonly string[], args: readonly string[], progress: Progress, cwd = this.#dataDir): Promise<void> {
    const names = packages.join(' ');
    if (findProgram('apt-get') === undefined)
      throw new Trouble(`${names} is missing, and this machine has no apt-get to install it with`, `install ${names} yourself`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1', LC_ALL: 'C' };
    const remedy = `check the network, apt's proxy settings and the free disk space, or try: apt-get update && apt-get install ${names}`;
    for (const step of this.#isUpdated ? [args] : [['update', '-qq'], args]) {
      progress(`apt-get ${step[0]} ${step === args ? names : ''}`);
      const options = ['-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=2'];
      await run('apt-get', [...step, ...options], { cwd, env, logFile: this.#logFile, remedy });
    }
    this.#isUpdated = true;
  }
}
