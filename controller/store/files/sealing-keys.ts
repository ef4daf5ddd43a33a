/** The sealing keys: one file each, mode 0600, in their own directory and never in the database. */
import { watch } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makePrivateDirectory, readPrivateFile, writePrivateFile } from '../../../seams/private-file.ts';
import type { Random } from '../../../seams/random.ts';
import { sync } from '../../../seams/sync.ts';
import type { SealingKeys } from '../../services/spaces/resealing-loop.ts';
import { SEALING_KEY_BYTES, type SealingKey, sealingKey } from '../../services/spaces/sealing.ts';

/**
 * Ordered by creation: a number of fixed width, then random digits that separate keys of concurrent
 * or restored stores.
 */
const NAME = /^(\d{8})-[0-9a-f]{8}\.key$/;
const EXTENSION = '.key';

/** Creates a key newer than all others. Resolves once it is durable. */
export async function createSealingKey(directory: string, random: Random): Promise<SealingKey> {
  await makePrivateDirectory(directory);
  const newest = (await idsIn(directory)).at(-1);
  const number = newest === undefined ? 1 : Number(newest.slice(0, 8)) + 1;
  const id = `${String(number).padStart(8, '0')}-${Buffer.from(random.bytes(4)).toString('hex')}`;
  const bytes = random.bytes(SEALING_KEY_BYTES);
  await writePrivateFile(join(directory, id + EXTENSION), `${Buffer.from(bytes).toString('hex')}\n`);
  return sealingKey(id, bytes);
}

/** Returns the keys in `directory`, and creates the first one. */
export async function openSealingKeys(directory: string, random: Random): Promise<readonly SealingKey[]> {
  await makePrivateDirectory(directory);
  const keys = await readKeys(directory);
  return keys.length > 0 ? keys : [await createSealingKey(directory, random)];
}

export const sealingKeysIn = (directory: string): SealingKeys => ({
  read: () => readKeys(directory),
  async remove(ids) {
    for (const id of ids) await rm(join(directory, id + EXTENSION), { force: true });
    await sync(directory);
  },
  watch(listener) {
    const watcher = watch(directory, { persistent: false }, listener);
    // The periodic check finds what a failed watch misses.
    watcher.on('error', () => watcher.close());
    return watcher;
  },
});

/** Sorted; the last is the newest. */
export async function idsIn(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  return names
    .filter((name) => NAME.test(name))
    .map((name) => name.slice(0, -EXTENSION.length))
    .sort();
}

async function readKeys(directory: string): Promise<SealingKey[]> {
  const keys: SealingKey[] = [];
  for (const id of await idsIn(directory)) {
    const path = join(directory, id + EXTENSION);
    const text = await readPrivateFile(path);
    // Deleted after it was listed.
    if (text === undefined) continue;
    if (!/^[0-9a-f]{64}$/.test(text.trim())) throw new Error(`${path} is not a valid key; restore it from a backup`);
    keys.push(sealingKey(id, Buffer.from(text.trim(), 'hex')));
  }
  return keys;
}
