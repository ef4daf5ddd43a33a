import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';

/** Of the package that this file is in: one folder up in the sources, two where they are compiled. */
export function version(): string {
  const file = ['../package.json', '../../package.json'].map((path) => new URL(path, import.meta.url)).find((url) => existsSync(url));
  return file === undefined ? 'unknown' : z.object({ version: z.string() }).parse(JSON.parse(readFileSync(file, 'utf8'))).version;
}
