import type { Disk, DiskFile } from './disk.ts';

/** Returns the content of an existing file. */
export const readText = (disk: Disk, path: string): Promise<string> =>
  withFile(disk, path, async (file) => new TextDecoder().decode(await file.read(0, await file.size())));

/** Replaces the file atomically, and resolves once its new content is durable. */
export async function writeText(disk: Disk, path: string, text: string): Promise<void> {
  const draft = `${path}.new`;
  await disk.remove(draft);
  await withFile(disk, draft, async (file) => {
    await file.write(0, new TextEncoder().encode(text));
    await file.sync();
  });
  await disk.rename(draft, path);
}

async function withFile<T>(disk: Disk, path: string, use: (file: DiskFile) => Promise<T>): Promise<T> {
  const file = await disk.open(path);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}
