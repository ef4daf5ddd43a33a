import { existsSync, mkdirSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { reasonOf, Trouble } from './trouble.ts';

export const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/** Where everything of this installation lives: RAWORC_DATA_DIR, else ./data. Made, with mode 0700, when missing. */
export function dataDirectory(): string {
  const set = process.env.RAWORC_DATA_DIR;
  const path = set ? (isAbsolute(set) ? set : resolve(set)) : join(projectRoot, 'data');
  makeDirectory(path);
  return path;
}

/** A directory below the data directory, made when missing. */
export function placeIn(dataDir: string, ...names: readonly string[]): string {
  const path = join(dataDir, ...names);
  makeDirectory(path);
  return path;
}

/** Not with `recursive`, with which Node.js goes round for ever below /proc. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeDirectory(parent);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Made by somebody else meanwhile.
    if (existsSync(path)) return;
    throw new Trouble(`The directory ${path} cannot be made: ${reasonOf(error)}`, 'set RAWORC_DATA_DIR to a directory that can be written');
  }
}
