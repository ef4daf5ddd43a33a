import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Creates a directory and its missing parents. Throws where the file system takes no directories:
 * Node.js's own `mkdir` with `recursive` loops forever below /proc.
 */
export async function makeDirectory(path: string, mode?: number): Promise<void> {
  try {
    await mkdirUnlessThere(path, mode);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    const parent = dirname(path);
    if (!(await isDirectory(parent))) await makeDirectory(parent);
    // Another process can have created the parent meanwhile. If it exists and this fails again, no
    // directory can be created here.
    await mkdirUnlessThere(path, mode);
  }
}

async function mkdirUnlessThere(path: string, mode: number | undefined): Promise<void> {
  try {
    await mkdir(path, mode);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST' || !(await isDirectory(path))) throw error;
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

const isDirectory = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
