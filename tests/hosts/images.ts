import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Host } from './host.ts';

const run = promisify(execFile);
const saved = new Map<string, Promise<string>>();

/** Loads an image of this machine's Docker into a host's, from a file that is made once. */
export async function loadImage(tag: string, host: Host): Promise<void> {
  const file = join(host.machine.directory, '..', `${tag.replaceAll(/[^\w.-]/g, '_')}.tar`);
  const isThere = saved.get(file) ?? run('docker', ['save', '-o', file, tag]).then(() => file);
  saved.set(file, isThere);
  await host.docker('load', '-q', '-i', await isThere);
}

/** Copies an image from one host to others that have its base. */
export async function copyImage(tag: string, from: Host, to: readonly Host[]): Promise<void> {
  const file = join(from.machine.directory, '..', 'copied.tar');
  await from.docker('save', '-o', file, tag);
  await Promise.all(to.map((host) => host.docker('load', '-q', '-i', file)));
  rmSync(file);
}
