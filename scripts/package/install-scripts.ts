import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { projectRoot } from '../places.ts';

const lockfile = z.object({
  packages: z.record(z.string(), z.object({ dev: z.boolean().optional(), hasInstallScript: z.boolean().optional() })),
});
const manifest = z.looseObject({ scripts: z.record(z.string(), z.string()).optional() });

/**
 * Removes the install scripts of packages that the product brings. It needs none of them, and on an
 * operator's host they would compile optional parts, or report the installation to their authors.
 */
export function removeInstallScripts(): readonly string[] {
  const { packages } = lockfile.parse(JSON.parse(readFileSync(join(projectRoot, 'package-lock.json'), 'utf8')));
  const found = Object.entries(packages).filter(([path, { dev, hasInstallScript }]) => path !== '' && hasInstallScript && !dev);
  for (const [path] of found) {
    const file = join(projectRoot, path, 'package.json');
    const { scripts: _scripts, ...rest } = manifest.parse(JSON.parse(readFileSync(file, 'utf8')));
    // A new file: npm can have linked the old one from its cache.
    rmSync(file);
    // Without this, npm compiles a package that contains binding.gyp.
    writeFileSync(file, `${JSON.stringify({ ...rest, gypfile: false }, null, 2)}\n`);
  }
  return found.map(([path]) => path);
}
