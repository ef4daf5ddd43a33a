import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../../seams/random.ts';
import { BYTES_PER_FILE } from '../domain/disk-use.ts';
import type { Command } from './command.ts';

/** Administrators use small project numbers. Sessions get random ones from here on. */
const FIRST = 2 ** 30;
/** The user `nobody`, who writes in the trial: quotas do not apply to root. */
const NOBODY = 65_534;
const KIB = 1024;
const MIB = 2 ** 20;

/** Returns a project number that is not in `taken`. */
export function freeProject(random: Random, taken: ReadonlySet<number>): number {
  for (;;) {
    const project = FIRST + (Buffer.from(random.bytes(4)).readUInt32BE() % FIRST);
    if (!taken.has(project)) return project;
  }
}

/**
 * Makes an empty directory the root of a project: everything created in it counts for the project.
 */
export async function boundByProject(run: Command, directory: string, project: number, bytes: number): Promise<void> {
  await run('chattr', ['-p', String(project), directory]);
  await run('chattr', ['+P', directory]);
  await setProjectLimit(run, directory, project, bytes);
}

/** 0 removes the limit. */
export async function setProjectLimit(run: Command, directory: string, project: number, bytes: number): Promise<void> {
  const mountPoint = (await run('findmnt', ['-n', '-o', 'TARGET', '--target', directory])).trim();
  const [blocks, files] = [Math.ceil(bytes / KIB), Math.ceil(bytes / BYTES_PER_FILE)];
  await run('setquota', ['-P', String(project), '0', String(blocks), '0', String(files), mountPoint]);
}

/**
 * Tests whether a project quota really limits writing in this directory: a file system can accept
 * every call and enforce nothing. Less than the limit must fit, and more must not. Resolves to the
 * reason if it does not work.
 */
export async function attemptQuota(run: Command, directory: string, random: Random): Promise<string | undefined> {
  const limit = 4 * MIB;
  const project = freeProject(random, new Set());
  await mkdir(directory, { mode: 0o700 });
  await chmod(directory, 0o777);
  await boundByProject(run, directory, project, limit);
  try {
    const write = (name: string, mib: number) =>
      run('dd', ['if=/dev/zero', `of=${join(directory, name)}`, 'bs=1M', `count=${mib}`, 'conv=fsync'], { uid: NOBODY, directory });
    await write('within', 1);
    const exceeded = await write('beyond', 8).then(
      () => true,
      () => false,
    );
    return exceeded ? 'Project quotas cannot be used: the file system accepts a limit but does not enforce it.' : undefined;
  } finally {
    await setProjectLimit(run, directory, project, 0);
  }
}
