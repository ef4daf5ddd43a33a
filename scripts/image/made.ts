import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { placeIn } from '../places.ts';

const fileIn = (dataDir: string) => join(placeIn(dataDir, 'run'), 'session-images');

/** Remembers, beside the data, a session image that this installation made: it alone is its to remove. */
export function rememberMade(dataDir: string, tag: string): void {
  appendFileSync(fileIn(dataDir), `${tag}\n`);
}

export function madeImages(dataDir: string): readonly string[] {
  const file = fileIn(dataDir);
  if (!existsSync(file)) return [];
  return [...new Set(readFileSync(file, 'utf8').split('\n'))].filter((tag) => tag !== '');
}
