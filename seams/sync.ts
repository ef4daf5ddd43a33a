import { open } from 'node:fs/promises';

/** Resolves once the content of a file, or the entries of a directory, survive a power cut. */
export async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
