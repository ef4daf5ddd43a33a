/** The guest with the kinds of file-kind.ts beside its own. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '../..');
const HOOK = 'streams: {\n';

/** Writes the bundle to `file`. */
export async function buildTestGuest(file: string): Promise<void> {
  const main = join(ROOT, 'guest', 'main.ts');
  await build({
    entryPoints: [main],
    outfile: file,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    logLevel: 'warning',
    banner: { js: "import{createRequire as rq}from'node:module';const require=rq(import.meta.url);" },
    define: { 'process.env.RAWORC_VERSION': '"test"' },
    plugins: [
      {
        name: 'test-kinds',
        setup({ onLoad }) {
          onLoad({ filter: /guest\/main\.ts$/ }, async ({ path }) => {
            const source = await readFile(path, 'utf8');
            if (!source.includes(HOOK)) throw new Error('guest/main.ts names its kinds of streams no more as it did');
            const kinds = JSON.stringify(join(ROOT, 'tests/streams/file-kind.ts'));
            return { loader: 'ts', contents: `import { kinds } from ${kinds};\n${source.replace(HOOK, `${HOOK} ...kinds,\n`)}` };
          });
        },
      },
    ],
  });
}
