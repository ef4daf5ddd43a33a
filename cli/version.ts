import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';

/**
 * Returns the version of this package, whose package.json is one folder up in the sources and two
 * when compiled.
 */
export function version(): string {
  const file = ['../package.json', '../../package.json'].map((path) => new URL(path, import.meta.url)).find((url) => existsSync(url));
  return file === undefined ? 'unknown' : z.object({ version: z.string() }).parse(JSON.parse(readFileSync(file, 'utf8'))).version;
}
