import { mkdirSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

export const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/** Where everything of this installation lives: RAWORC_DATA_DIR, else ./data. Made, with mode 0700, when missing. */
export function dataDirectory(): string {
  const set = process.env.RAWORC_DATA_DIR;
  const path = set ? (isAbsolute(set) ? set : resolve(set)) : join(projectRoot, 'data');
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return path;
}

/** A directory below the data directory, made when missing. */
export function placeIn(dataDir: string, ...names: readonly string[]): string {
  const path = join(dataDir, ...names);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return path;
}
