import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Disk } from '../../../seams/disk.ts';
import { readText, writeText } from '../../../seams/disk-text.ts';
import type { Random } from '../../../seams/random.ts';

/**
 * Files that identify this cluster's store. They are separate from the database, so that a restored
 * database does not replace them.
 */
export interface ClusterFiles {
  readonly clusterId: string;
  /** Increased by every restore from a backup. */
  readonly epoch: number;
  /** Hashes clients' keys; 32 bytes. */
  readonly storeKey: Uint8Array;
}

/**
 * Reads the cluster files from `directory`. On the first start, creates each atomically with mode
 * 0600.
 */
export async function openClusterFiles(directory: string, disk: Disk, random: Random): Promise<ClusterFiles> {
  await disk.makeDirectory(directory, 0o700);
  await disk.makeDirectory(join(directory, 'keys'), 0o700);
  const clusterId = await readOrMake(disk, join(directory, 'cluster-id'), () => random.uuid());
  const epoch = await readOrMake(disk, join(directory, 'epoch'), () => '1');
  const key = await readOrMake(disk, join(directory, 'keys', 'store.key'), () => Buffer.from(random.bytes(32)).toString('hex'));
  if (!/^\d+$/.test(epoch)) throw new Error(`${join(directory, 'epoch')} does not contain a number; restore it from a backup`);
  return { clusterId, epoch: Number(epoch), storeKey: createHash('sha256').update(key).digest() };
}

/**
 * Returns the first password of the account `admin`, generated once into a file that only its owner
 * can read.
 */
export const openAdminPassword = (directory: string, disk: Disk, random: Random): Promise<string> =>
  readOrMake(disk, join(directory, 'admin-password'), () => Buffer.from(random.bytes(18)).toString('base64url'));

async function readOrMake(disk: Disk, path: string, make: () => string): Promise<string> {
  if (!(await disk.exists(path))) await writeText(disk, path, `${make()}\n`);
  return (await readText(disk, path)).trim();
}
