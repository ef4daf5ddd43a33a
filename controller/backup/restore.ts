/** `raworc-controller restore FILE`: restores a controller from a backup, as a new epoch. */

import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { print } from '../../seams/print.ts';
import { sync } from '../../seams/sync.ts';
import { configuredTool } from '../settings/configured.ts';
import { beginEpoch, isInUse } from '../store/sqlite/backup.ts';
import { type Manifest, readArchive } from './backup-archive.ts';

export interface Restored {
  readonly manifest: Manifest;
  readonly epoch: number;
  /** Where the previous directory was moved. */
  readonly aside: string | undefined;
}

/**
 * Restores a backup into an empty directory; with `force`, moves an existing one aside. The
 * directory appears whole or not at all. Its epoch is above the backup's and every other restore's.
 */
export async function restore(file: string, directory: string, options: { force: boolean; nowMs: number }): Promise<Restored> {
  const isThere = existsSync(directory) && (await readdir(directory)).length > 0;
  if (isThere && !options.force) throw new Error(`${directory} is not empty. Use --force to move it aside`);
  const database = join(directory, 'raworc.db');
  if (isThere && existsSync(database) && isInUse(database)) throw new Error(`a controller is running on ${directory}. Stop it first`);

  const draft = `${directory}.restoring-${process.pid}`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true, mode: 0o700 });
  try {
    const manifest = await readArchive(file, draft);
    const before = isThere ? await epochIn(directory) : 0;
    const epoch = Math.max(manifest.epoch + 1, before + 1, Math.floor(options.nowMs / 1000));
    await beginEpoch(join(draft, 'raworc.db'), epoch);
    await writeFile(join(draft, 'epoch'), `${epoch}\n`, { mode: 0o600, flush: true });
    await sync(draft);
    const aside = isThere ? `${directory}.before-${epoch}` : undefined;
    if (aside !== undefined) await rename(directory, aside);
    else await rm(directory, { recursive: true, force: true });
    await rename(draft, directory);
    await sync(dirname(directory));
    return { manifest, epoch, aside };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function epochIn(directory: string): Promise<number> {
  const text = await readFile(join(directory, 'epoch'), 'utf8').catch(() => '0');
  return Number(text.trim()) || 0;
}

if (import.meta.main) {
  process.umask(0o077);
  const { env, args } = configuredTool();
  const force = args.includes('--force');
  const [file, ...more] = args.filter((arg) => arg !== '--force');
  if (file === undefined || file.startsWith('-') || more.length > 0) {
    print('Usage: raworc-controller restore FILE [--force]   (into data_dir, default ./data)', 'stderr');
    process.exit(2);
  }
  const directory = join(resolve(env.RAWORC_DATA_DIR || './data'), 'controller');
  try {
    const { manifest, epoch, aside } = await restore(resolve(file), directory, { force, nowMs: Date.now() });
    print(`${directory}: ${manifest.sessions} sessions as of ${manifest.made_at}, epoch ${epoch}`);
    if (aside !== undefined) print(`The previous directory is now ${aside}`);
    print('Start the controller. Nodes reconnect by themselves, and running sessions keep running.');
    print('All users must log in again. API keys, accounts and roles are those of the backup: revoke again what was revoked since.');
    print('Sessions created after the backup are orphans on their nodes (`raworc node orphans NODE`).');
  } catch (error) {
    print(
      `raworc-controller: the restore failed, nothing was changed: ${error instanceof Error ? error.message : String(error)}`,
      'stderr',
    );
    process.exit(1);
  }
}
