import { execFile } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { killGroup, RACKS, removeGroup } from './cgroups.ts';
import { nodeGroups } from './host.ts';
import { LINK_PREFIX } from './network.ts';

const run = promisify(execFile);
/** Another sweep of the same directory removes its entries too. */
const REMOVAL_TRIES = 5;
/** Directories of racks, in the one where this machine's Docker keeps its own. */
export const RACK_PREFIX = 'rack-';

/** Directories that have no owner yet. A sweep of another test would take a rack without one for a leftover. */
const UNOWNED_PREFIX = 'unowned-';

/** A directory of a rack that all its machines see too: its own is below /var/lib, which each machine has for itself. */
export const sharedDirectory = (directory: string) => join(tmpdir(), basename(directory));

/** Makes a directory for a rack of this process, which no sweep removes while the process lives. */
export function makeRackDirectory(root: string): string {
  const unowned = mkdtempSync(join(root, UNOWNED_PREFIX));
  writeFileSync(join(unowned, 'owner'), ownerMark(process.pid));
  const directory = join(root, `${RACK_PREFIX}${basename(unowned).slice(UNOWNED_PREFIX.length)}`);
  renameSync(unowned, directory);
  return directory;
}

/** Removes what racks of tests that have crashed left. Several tests can do so at once. */
export async function sweep(root: string): Promise<void> {
  for (const name of readdirSync(root).filter((entry) => entry.startsWith(RACK_PREFIX))) {
    const directory = join(root, name);
    const owner = read(join(directory, 'owner'));
    if (owner !== '' && owner === ownerMark(Number(owner.split(' ')[0]))) continue;
    await clear(directory);
  }
}

/** Its processes have ended with the one that started them, except what is frozen. */
export async function clear(directory: string): Promise<void> {
  const name = basename(directory);
  const nodes = globSync('*/', { cwd: directory }).flatMap((machine) => nodeGroups(join(directory, machine)));
  const groups = [join(RACKS, name), ...nodes];
  await Promise.all(groups.map(killGroup));
  await run('ip', ['link', 'delete', `${LINK_PREFIX}${name.slice(RACK_PREFIX.length)}`]).catch(() => undefined); // It is gone with the switch.
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  for (const line of mounts.reverse()) {
    const [, place = ''] = line.split(' ');
    if (place.startsWith(`${directory}/`)) await run('umount', ['-l', place]).catch(goneMeanwhile(place));
  }
  rmSync(directory, { recursive: true, force: true, maxRetries: REMOVAL_TRIES });
  rmSync(sharedDirectory(directory), { recursive: true, force: true });
  await Promise.all(groups.map(removeGroup));
}

/** Another sweep can have unmounted it. */
function goneMeanwhile(place: string): (error: unknown) => void {
  return (error) => {
    if (read('/proc/mounts').includes(` ${place} `)) throw error;
  };
}

/** Names a process so that another with its number is not mistaken for it. */
export function ownerMark(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return `${pid} ${stat.slice(stat.lastIndexOf(')')).split(' ')[20]}`;
  } catch {
    return '';
  }
}

/** What a rack that was in this directory has left: processes, links, loop devices, control groups, mounts. */
export async function leftovers(directory: string): Promise<readonly string[]> {
  const name = basename(directory);
  const { stdout } = await run('ip', ['-o', 'link']);
  const processes = globSync('/proc/[0-9]*/cmdline').filter((file) => read(file).includes(name));
  return [
    ...processes.map((file) => `process ${basename(dirname(file))}: ${read(file).replaceAll('\0', ' ')}`),
    ...(stdout.includes(`${LINK_PREFIX}${name.slice(RACK_PREFIX.length)}`) ? ['its link'] : []),
    ...globSync('/sys/devices/virtual/block/loop*/loop/backing_file').filter((file) => read(file).includes(name)),
    ...(existsSync(sharedDirectory(directory)) ? [sharedDirectory(directory)] : []),
    ...globSync(`/sys/fs/cgroup/{,*/}${RACKS}/${name}`),
    ...read('/proc/mounts')
      .split('\n')
      .filter((line) => line.includes(`${directory}/`)),
  ];
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
