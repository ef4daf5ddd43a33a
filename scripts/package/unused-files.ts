import { globSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../places.ts';

/**
 * Parts of packages that the product, which runs on Linux with glibc, never opens: more than half
 * of the package. Nothing in a clone uses them either.
 */
const UNUSED = [
  'better-sqlite3/{deps,src}',
  'better-sqlite3/prebuilds/{darwin,linuxmusl,win32}-*',
  'bare-*/prebuilds/{android,darwin,ios,win32}-*',
  'bintrees/test',
  'protobufjs/dist/**/*.map',
  'swagger-ui-dist/{*.map,swagger-ui-es-bundle*}',
];

/** Removes them before npm packs the product with its dependencies. */
export function removeUnusedFiles(): void {
  const modules = join(projectRoot, 'node_modules');
  for (const path of globSync(UNUSED, { cwd: modules })) rmSync(join(modules, path), { recursive: true, force: true });
}
