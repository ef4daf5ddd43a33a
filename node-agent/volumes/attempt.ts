import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../seams/message-of.ts';
import type { Random } from '../../seams/random.ts';
import type { DiskKind } from '../domain/disk-choice.ts';
import type { Command } from './command.ts';
import { exists, goneName, imageOf, isMounted, makeDirectory, placeOf } from './disk-files.ts';
import { makeImage, mountImage, unmountImage } from './image.ts';
import { attemptQuota } from './quota.ts';

export interface AttemptDeps {
  /** The directory of the disks. */
  readonly directory: string;
  readonly run: Command;
  readonly random: Random;
  /** Returns whether the engine sees this directory. */
  readonly sees: (path: string) => Promise<boolean>;
}

const TRIED_BYTES = 4 * 2 ** 20;

/**
 * Creates a disk of this kind and removes it. Resolves to the reason if that fails on this host.
 */
export async function attemptDisk(kind: DiskKind, deps: AttemptDeps): Promise<string | undefined> {
  const { directory, run, random } = deps;
  await makeDirectory(directory);
  // Under a name that the next start clears if this process is killed.
  const id = random.uuid();
  const tried = join(directory, goneName(`trial-${id}`));
  await mkdir(placeOf(tried), { recursive: true, mode: 0o700 });
  try {
    if (kind === 'quota') {
      const reason = await attemptQuota(run, join(placeOf(tried), id), random);
      if (reason !== undefined) return reason;
    }
    if (kind === 'image') {
      await makeImage(run, imageOf(tried), id, TRIED_BYTES);
      await mountImage(run, imageOf(tried), placeOf(tried));
    } else if (kind === 'measured') await mkdir(join(placeOf(tried), id));
    const path = join(placeOf(tried), id);
    if (!(await exists(path))) return 'A newly created file system lacks its directory after mounting.';
    return (await deps.sees(path)) ? undefined : NOT_SEEN[kind];
  } catch (error) {
    return `${WHAT[kind]} cannot be used: ${messageOf(error)}.`;
  } finally {
    if (await isMounted(tried)) await unmountImage(run, placeOf(tried));
    await run('rm', ['-rf', '--one-file-system', '--', tried]);
  }
}

const WHAT: Readonly<Record<DiskKind, string>> = {
  quota: 'Project quotas',
  image: 'Loop-mounted images',
  measured: 'The data directory',
};

const APART =
  'Docker does not see what the node agent mounts: run both in one mount namespace (systemd: PrivateMounts=no, PrivateTmp=no, no ProtectSystem).';
const NOT_SEEN: Readonly<Record<DiskKind, string>> = {
  quota: 'Docker does not see the data directory of this node.',
  image: APART,
  measured: 'Docker does not see the data directory of this node: choose one that is on the host that Docker runs on.',
};
