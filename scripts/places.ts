import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { makeDirectory } from '../seams/make-directory.ts';
import { reasonOf, Trouble } from './program.ts';

export const projectRoot = dirname(import.meta.dirname);

/**
 * Returns where this installation keeps everything: RAWORC_DATA_DIR, else ./data. Creates it with
 * mode 0700.
 */
export async function dataDirectory(): Promise<string> {
  const path = resolve(projectRoot, process.env.RAWORC_DATA_DIR || 'data');
  await makeDirectory(path, 0o700).catch((error: unknown) => {
    throw new Trouble(`Cannot create the directory ${path}: ${reasonOf(error)}`, 'set RAWORC_DATA_DIR to a directory that you can write');
  });
  return path;
}

/** Returns a directory below the data directory, created if it is missing. */
export function placeIn(dataDir: string, ...names: readonly string[]): string {
  const path = join(dataDir, ...names);
  mkdirSync(path, { mode: 0o700, recursive: true });
  return path;
}
