/** Bundles the guest into one file beside the workers' programs, and prints the directory. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { print } from './terminal.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const WORKERS = [
  ...['worker.py', 'raworc_channel.py', 'raworc_replies.py', 'raworc.py', 'raworc_asks.py'],
  ...['worker.mjs', 'asks.mjs', 'replies.mjs', 'raworc.mjs', 'resolve-raworc.mjs'],
];

/** Returns where the guest is, and its version: a hash of its content. */
export async function buildGuest(outDirectory: string = join(root, 'build', 'guest')): Promise<{ directory: string; version: string }> {
  const { version: release } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const result = await build({
    entryPoints: {
      guest: join(root, 'guest', 'main.ts'),
      check: join(root, 'guest', 'check', 'main.ts'),
      files: join(root, 'guest', 'files', 'main.ts'),
    },
    outdir: outDirectory,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minify: true,
    legalComments: 'none',
    write: false,
    logLevel: 'warning',
    // CommonJS packages in the bundle call require for Node.js's own modules.
    banner: { js: "import{createRequire as rq}from'node:module';const require=rq(import.meta.url);" },
    define: { 'process.env.RAWORC_VERSION': JSON.stringify(release) },
  });
  if (result.outputFiles.length !== 3) throw new Error('esbuild did not write all programs');
  const files = new Map(result.outputFiles.map(({ path, contents }) => [`${basename(path, '.js')}.mjs`, Buffer.from(contents)]));
  for (const name of WORKERS) files.set(name, readFileSync(join(root, 'guest', 'workers', name)));
  const hash = createHash('sha256');
  mkdirSync(outDirectory, { recursive: true });
  for (const [name, content] of files) {
    hash.update(`${name}\0${content.byteLength}\0`).update(content);
    writeFileSync(join(outDirectory, name), content, { mode: 0o644 });
  }
  return { directory: outDirectory, version: hash.digest('hex').slice(0, 16) };
}

if (import.meta.main) {
  const { directory } = await buildGuest(process.argv[2]);
  print(`${directory}\n`);
}
