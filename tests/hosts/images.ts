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

/** Gives the result of a build to the hosts that lack it. They have its base. */
export async function spreadImage(tag: string, hosts: readonly Host[]): Promise<void> {
  const found = await Promise.all(hosts.map((host) => host.docker('images', '-q', tag)));
  const holder = hosts.find((_, index) => found[index] !== '');
  if (holder === undefined) throw new Error(`no host has ${tag}`);
  const file = join(holder.machine.directory, '..', 'spread.tar');
  await holder.docker('save', '-o', file, tag);
  await Promise.all(hosts.filter((_, index) => found[index] === '').map((host) => host.docker('load', '-q', '-i', file)));
  rmSync(file);
}

/** Resolves once each host has the image, from the registry where it was not built. */
export async function untilPulled(tag: string, hosts: readonly Host[], limitMs: number): Promise<void> {
  await Promise.all(
    hosts.map(async (host) => {
      if ((await host.docker('images', '-q', tag)) !== '') return;
      await host.agent.child.untilLine(`${tag} to arrive`, (line) => line.includes('"image.pulled"') && line.includes(tag), limitMs);
    }),
  );
}
