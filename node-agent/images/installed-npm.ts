import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

/** Returns where the npm of this package is, which builds run in containers. */
export function installedNpm(): { readonly directory: string; readonly version: string } {
  const file = createRequire(import.meta.url).resolve('npm/package.json');
  const { version }: { version: string } = JSON.parse(readFileSync(file, 'utf8'));
  return { directory: dirname(file), version };
}
