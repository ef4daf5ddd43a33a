import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Disk } from '../../../seams/disk.ts';
import type { BuildLogStore, StoredLog } from '../../services/builds/log-store.ts';

const NAME = /^([\w-]{1,64})\.([\w-]{1,64})\.log$/;

/** Stores the log of each build as a file. Nothing is synced: a crash can cost the last lines. */
export async function buildLogFiles(directory: string, disk: Disk): Promise<BuildLogStore> {
  await disk.makeDirectory(directory, 0o700);
  const pathOf = (spaceId: string, buildId: string) => {
    const name = `${spaceId}.${buildId}.log`;
    if (!NAME.test(name)) throw new Error(`the log of build ${buildId} cannot have a file of its own`);
    return join(directory, name);
  };
  return {
    async append(spaceId, buildId, bytes) {
      const file = await disk.open(pathOf(spaceId, buildId));
      try {
        await file.write(await file.size(), bytes);
      } finally {
        await file.close();
      }
    },
    async read(spaceId, buildId, from, length) {
      const path = pathOf(spaceId, buildId);
      if (!(await disk.exists(path))) return new Uint8Array();
      const file = await disk.open(path);
      try {
        const size = await file.size();
        return from >= size ? new Uint8Array() : await file.read(from, Math.min(length, size - from));
      } finally {
        await file.close();
      }
    },
    remove: (spaceId, buildId) => disk.remove(pathOf(spaceId, buildId)),
    async list() {
      const logs: StoredLog[] = [];
      for (const name of await readdir(directory)) {
        const [, spaceId, buildId] = NAME.exec(name) ?? [];
        if (spaceId === undefined || buildId === undefined) continue;
        const { size, mtimeMs } = await stat(join(directory, name));
        logs.push({ spaceId, buildId, bytes: size, atMs: mtimeMs });
      }
      return logs;
    },
  };
}
