import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { placeIn } from '../places.ts';
import { Trouble } from '../trouble.ts';
import { findProgram, isProgram, run, tail } from './run.ts';

/**
 * Debian's packages. Quiet, without questions and without what is only recommended; the lists are brought up to date once.
 * What apt says goes to a log, whose tail is shown when it fails.
 */
export class Apt {
  readonly #dataDir: string;
  readonly #logFile: string;
  #updated = false;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
    this.#logFile = join(placeIn(dataDir, 'logs'), 'apt.log');
  }

  /** Installs packages on the machine. */
  async install(packages: readonly string[], progress: (text: string) => void): Promise<void> {
    await this.#update(packages, progress);
    progress(`apt-get install ${packages.join(' ')}`);
    await this.#get(['install', '-y', '-qq', '--no-install-recommends', ...packages], packages);
  }

  /**
   * Unpacks a package's programs below the data directory and answers the path of one of them. For daemons that Raworc runs
   * itself: installed on the machine they would start as a service of it, open to the network, and again on every boot.
   */
  async unpack(name: string, program: string, progress: (text: string) => void): Promise<string> {
    const known = this.unpacked(name, program);
    if (known !== undefined) return known;
    await this.#update([name], progress);
    progress(`apt-get download ${name}`);
    const target = join(this.#dataDir, 'tools', name);
    const download = placeIn(this.#dataDir, 'tmp', `apt-${name}`);
    try {
      await this.#get(['download', '-qq', name], [name], download);
      const file = readdirSync(download).find((entry) => entry.endsWith('.deb'));
      mkdirSync(target, { recursive: true });
      if (file === undefined || (await run('dpkg-deb', ['-x', join(download, file), target], { logFile: this.#logFile })) !== 0) {
        throw new Trouble(`the package ${name} could not be unpacked:\n${tail(this.#logFile, 5)}`, `apt-get install ${name}`);
      }
    } finally {
      rmSync(download, { recursive: true, force: true });
    }
    const path = this.unpacked(name, program);
    if (path === undefined) throw new Trouble(`the package ${name} has no program ${program}`, `install ${program} yourself`);
    return path;
  }

  /** The program of a package that was unpacked before. */
  unpacked(name: string, program: string): string | undefined {
    for (const place of ['usr/sbin', 'usr/bin', 'sbin', 'bin']) {
      const path = join(this.#dataDir, 'tools', name, place, program);
      if (isProgram(path)) return path;
    }
    return undefined;
  }

  async #update(packages: readonly string[], progress: (text: string) => void): Promise<void> {
    if (findProgram('apt-get') === undefined) {
      throw new Trouble(
        `missing: ${packages.join(', ')}, and there is no apt-get to install it`,
        `install ${packages.join(', ')} yourself`,
      );
    }
    if (this.#updated) return;
    progress('apt-get update');
    await this.#get(['update', '-qq'], packages);
    this.#updated = true;
  }

  async #get(args: readonly string[], packages: readonly string[], cwd?: string): Promise<void> {
    const code = await run('apt-get', ['-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=2', ...args], {
      logFile: this.#logFile,
      env: { DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1', LC_ALL: 'C' },
      ...(cwd === undefined ? {} : { cwd }),
    });
    if (code === 0) return;
    const text = tail(this.#logFile, 8);
    const remedy = /No space left/.test(text)
      ? 'free some disk space and run this again'
      : /resolve|Could not connect|unreachable|Connection failed/i.test(text)
        ? 'check the network, or apt’s proxy settings'
        : /Could not get lock/.test(text)
          ? 'another apt is running: wait for it and run this again'
          : `apt-get update && apt-get install ${packages.join(' ')}; the whole log is ${this.#logFile}`;
    throw new Trouble(`apt-get ${args[0]} failed (for ${packages.join(', ')}):\n${text}`, remedy);
  }
}
