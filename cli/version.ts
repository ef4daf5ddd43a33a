import { existsSync, readFileSync } from 'node:fs';

/**
 * Returns the version of this package, whose package.json is one folder up in the sources and two
 * when compiled.
 */
export function version(): string {
  const file = ['../package.json', '../../package.json'].map((path) => new URL(path, import.meta.url)).find((url) => existsSync(url));
  const manifest: unknown = file === undefined ? undefined : JSON.parse(readFileSync(file, 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown';
}
