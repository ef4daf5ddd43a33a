/** `raworc-controller backup FILE`: copies all state of a running controller into one file. */
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, link, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { FreeSpace } from '../../seams/free-space.ts';
import { print } from '../../seams/print.ts';
import { isMissing } from '../../seams/private-file.ts';
import { sync } from '../../seams/sync.ts';
import { systemFreeSpace } from '../../seams/system.ts';
import { lowMark } from '../services/engine/disk-watch.ts';
import { configuredTool, SET_DIRECTORY } from '../settings/configured.ts';
import { copyDatabase } from '../store/sqlite/backup.ts';
import { type ArchivedFile, writeArchive } from './backup-archive.ts';

export interface BackedUp {
  readonly file: string;
  readonly bytes: number;
  readonly sessions: number;
  readonly epoch: number;
}

const SEALING_KEYS = 'keys/seal';

/**
 * Takes a backup of the controller's directory. At any moment `file` is the complete old backup or
 * the complete new one.
 */
export async function backUp(directory: string, file: string, version: string, freeSpace?: FreeSpace): Promise<BackedUp> {
  const text = async (name: string) => (await readFile(join(directory, name), 'utf8')).trim();
  const epoch = Number(await text('epoch'));
  const draft = `${file}.partial-${process.pid}`;
  if (freeSpace !== undefined) await checkSpace(directory, file, freeSpace);
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true, mode: 0o700 });
  try {
    const database = join(draft, 'raworc.db');
    // Copy keys before and after the database: a key that is rotated away meanwhile can still seal
    // secrets in the copy.
    const before = await keysOf(directory, draft);
    const { sessions, sealingKeyIds } = await copyDatabase(join(directory, 'raworc.db'), database);
    const after = await filesOf(directory, draft);
    const files = [{ name: 'raworc.db', path: database }, ...withMissing(after, before)];
    const missing = sealingKeyIds.find((id) => !files.some(({ name }) => name === `${SEALING_KEYS}/${id}.key`));
    if (missing !== undefined)
      throw new Error(`the key ${missing}, which seals secrets, is missing. Retry after the key rotation has finished`);
    const archive = join(draft, 'archive.tar');
    const about = { made_at: new Date().toISOString(), cluster_id: await text('cluster-id'), epoch, version, sessions };
    await writeArchive(archive, about, files);
    await rename(archive, file);
    await sync(dirname(file));
    return { file, bytes: (await stat(file)).size, sessions, epoch };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/**
 * Throws if the disk lacks space: the copy of the database and the archive exist side by side for a
 * while.
 */
async function checkSpace(directory: string, file: string, freeSpace: FreeSpace): Promise<void> {
  const parent = dirname(resolve(file));
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const space = await freeSpace(parent);
  const database = (await stat(join(directory, 'raworc.db'))).size;
  const sources = await filesIn(join(directory, 'sources'));
  const needed = 2 * (database + sources) + lowMark(space, undefined);
  if (space.freeBytes >= needed) return;
  const mib = (bytes: number) => Math.ceil(bytes / 2 ** 20);
  throw new Error(
    `not enough disk space for ${file}: the backup needs ${mib(needed)} MiB, and ${mib(space.freeBytes)} MiB are free. Choose a file on another disk.`,
  );
}

async function filesIn(directory: string): Promise<number> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map(({ name }) =>
      stat(join(directory, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** The other files of a backup: the cluster's identity, its keys, and the agents' sources. */
async function filesOf(directory: string, draft: string): Promise<ArchivedFile[]> {
  const files = ['cluster-id', 'epoch', 'admin-password'].map((name) => ({ name, path: join(directory, name) }));
  for (const part of ['keys', 'sources']) {
    const entries = await readdir(join(directory, part), { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile() && !isOnItsWay(entry.name)) files.push({ name: path.slice(directory.length + 1), path });
    }
  }
  const held = await Promise.all(files.map((file, number) => hold(file, join(draft, `held-${number}`))));
  return held.flatMap((file) => file ?? []);
}

/** Returns the current sealing keys. */
async function keysOf(directory: string, draft: string): Promise<ArchivedFile[]> {
  const names = await readdir(join(directory, SEALING_KEYS)).catch(() => []);
  const files = names
    .filter((name) => !isOnItsWay(name))
    .map((name) => ({ name: `${SEALING_KEYS}/${name}`, path: join(directory, SEALING_KEYS, name) }));
  const held = await Promise.all(files.map((file, number) => hold(file, join(draft, `key-${number}`))));
  return held.flatMap((file) => file ?? []);
}

const withMissing = (files: readonly ArchivedFile[], more: readonly ArchivedFile[]): ArchivedFile[] => [
  ...files,
  ...more.filter(({ name }) => !files.some((file) => file.name === name)),
];

/** Skips incomplete files: a draft of a key, an unfinished upload. */
const isOnItsWay = (name: string) => name.startsWith('.') || name.startsWith('incoming-') || name.endsWith('.new');

/**
 * Links the file under a name of the backup's own, because a source can be replaced meanwhile;
 * undefined when it no longer exists.
 */
async function hold({ name, path }: ArchivedFile, held: string): Promise<ArchivedFile | undefined> {
  try {
    await link(path, held).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') throw error;
      return copyFile(path, held);
    });
    return { name, path: held };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

if (import.meta.main) {
  process.umask(0o077);
  const { env, args } = configuredTool();
  const [file, ...more] = args.filter((arg) => arg !== '--force');
  if (file === undefined || file.startsWith('-') || more.length > 0) {
    print('Usage: raworc-controller backup FILE [--force]   (of the controller in data_dir, default ./data)', 'stderr');
    process.exit(2);
  }
  if (existsSync(file) && !args.includes('--force')) {
    print(`raworc-controller: ${file} exists. Choose another name, or replace it with --force`, 'stderr');
    process.exit(1);
  }
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  const directory = join(resolve(env.RAWORC_DATA_DIR || './data'), 'controller');
  try {
    if (!existsSync(join(directory, 'raworc.db'))) throw new Error(`there is no controller in ${directory}. ${SET_DIRECTORY}`);
    const { bytes, sessions, epoch } = await backUp(directory, resolve(file), version, systemFreeSpace);
    print(`${file}: ${sessions} sessions, ${bytes} bytes, epoch ${epoch}; checked`);
  } catch (error) {
    print(`raworc-controller: the backup failed: ${error instanceof Error ? error.message : String(error)}`, 'stderr');
    process.exit(1);
  }
}
