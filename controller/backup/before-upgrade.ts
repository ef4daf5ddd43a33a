/** The backup that a new release takes before it changes the database of an older one. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FreeSpace } from '../../seams/free-space.ts';
import type { Log } from '../../seams/log.ts';
import { messageOf } from '../../seams/message-of.ts';
import { UNIT } from '../service/unit.ts';
import { stepsIn } from '../store/sqlite/backup.ts';
import { backUp } from './backup.ts';

const FOLDER = 'backups';
const PREFIX = 'before-upgrade-from-';
/** Backups that are kept. */
const MOST = 2;

export interface BeforeUpgradeOptions {
  /** The controller's. */
  readonly directory: string;
  readonly version: string;
  readonly freeSpace: FreeSpace;
  readonly log: Log;
}

/**
 * Backs up the controller's directory if this release is about to change its database. Returns the
 * backup, or undefined if the database stays as it is. Throws, with the database unchanged, if the
 * backup fails, or if a newer release has changed the database and a backup leads back.
 */
export async function backUpBeforeUpgrade({ directory, version, freeSpace, log }: BeforeUpgradeOptions): Promise<string | undefined> {
  const { done, pending, unknown } = stepsIn(join(directory, 'raworc.db'));
  const newest = done.at(-1);
  const newer = unknown.at(-1);
  if (newer !== undefined) {
    const command = await wayBack(directory, done.filter((step) => !unknown.includes(step)).at(-1));
    if (command === undefined) return undefined;
    throw new Error(
      `A newer release of Raworc has changed the database (its step ${newer} is unknown here). Install that release again. Or go back to the state before, without what happened since: ${command}`,
    );
  }
  if (newest === undefined || pending.length === 0) return undefined;
  const folder = join(directory, FOLDER);
  const file = join(folder, `${PREFIX}${newest}.backup`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const { bytes } = await backUp(directory, file, version, freeSpace);
    log.info('store.backed_up', { file, bytes, steps: pending.length });
    await removeOlder(folder, file);
  } catch (error) {
    throw new Error(`The database needs a backup before this release can change it, and that failed: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return file;
}

/**
 * Returns the command that restores the backup which was made when the database had this step, or
 * without one the newest backup; undefined if there is none.
 */
export async function wayBack(directory: string, step?: string): Promise<string | undefined> {
  const folder = join(directory, FOLDER);
  const name = (await backupsIn(folder)).findLast((one) => step === undefined || one === `${PREFIX}${step}.backup`);
  if (name === undefined) return undefined;
  const restore = `RAWORC_DATA_DIR=${dirname(directory)} raworc-controller restore ${join(folder, name)} --force`;
  return `systemctl stop ${UNIT}; ${restore} && systemctl start ${UNIT}`;
}

/** Oldest first: the names end in the newest step. */
const backupsIn = async (folder: string): Promise<readonly string[]> => {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.startsWith(PREFIX) && name.endsWith('.backup')).sort();
};

async function removeOlder(folder: string, newest: string): Promise<void> {
  const names = await backupsIn(folder);
  for (const name of names.slice(0, -MOST)) if (join(folder, name) !== newest) await rm(join(folder, name), { recursive: true });
}
