import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { z } from 'zod';
import { startCluster } from './harness.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
/** Their `sh` blocks run in order in one shell, except those marked `sh no-test`. */
const PAGES = ['README.md', 'docs/getting-started.md', 'docs/run-a-cluster.md', 'docs/operate.md'];
const FENCE = /^```(\S*)([^\n]*)\n([\s\S]*?)^```$/gm;

interface Page {
  readonly commands: readonly string[];
  /** Code blocks whose first line names their file, such as `# my-agent/main.py`. */
  readonly files: ReadonlyMap<string, string>;
}

function readPage(page: string): Page {
  const blocks = [...readFileSync(join(PROJECT, page), 'utf8').matchAll(FENCE)];
  const commands = blocks.flatMap(([, language, note = '', text = '']) => (language === 'sh' && !note.includes('no-test') ? [text] : []));
  const files = new Map<string, string>();
  for (const [, , , text = ''] of blocks) {
    const name = /^(?:#|\/\/) ([\w-]+\/[\w./-]+)$/m.exec(text.split('\n', 1)[0] ?? '')?.[1];
    if (name !== undefined) files.set(name, text);
  }
  return { commands, files };
}

/**
 * What the pages need of a clone: the cluster's `data`, an `npx` that starts our programs, and a
 * `curl` that fails on refusals.
 */
function makeClone(data: string): string {
  const clone = mkdtempSync(join(tmpdir(), 'raworc-pages-'));
  for (const name of ['sdk', 'node_modules', 'examples']) symlinkSync(join(PROJECT, name), join(clone, name));
  symlinkSync(data, join(clone, 'data'));
  const npx = `#!/bin/sh
program=$1; shift
case $program in
  raworc) exec '${process.execPath}' '${PROJECT}/cli/raworc.mjs' "$@" ;;
  raworc-controller) exec '${process.execPath}' '${PROJECT}/controller/raworc-controller.mjs' "$@" ;;
esac
echo "the pages use npx $program, which is no program of ours" >&2; exit 1
`;
  mkdirSync(join(clone, 'bin'));
  writeFileSync(join(clone, 'bin', 'npx'), npx);
  writeFileSync(join(clone, 'bin', 'curl'), '#!/bin/sh\nexec /usr/bin/curl --fail-with-body "$@"\n');
  for (const name of ['npx', 'curl']) chmodSync(join(clone, 'bin', name), 0o755);
  return clone;
}

t.setTimeout(300_000);
t.test('the commands of the documentation work, in order', async (t) => {
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1' }] });
  const { body } = await cluster.rest.call('POST', '/api-keys', { name: 'pages' });
  const { key } = z.object({ key: z.string() }).parse(body);
  const url = `http://127.0.0.1:${cluster.ports.http}`;
  for (const page of PAGES) {
    const clone = makeClone(cluster.directory);
    t.teardown(() => rmSync(clone, { recursive: true, force: true }));
    const { commands, files } = readPage(page);
    t.ok(commands.length > 0, `${page} has commands`);
    for (const [name, text] of files) {
      mkdirSync(dirname(join(clone, name)), { recursive: true });
      writeFileSync(join(clone, name), text);
    }
    const script = ['set -euo pipefail', ...commands].join('\n').replaceAll('http://127.0.0.1:9000', url);
    const env = {
      PATH: `${join(clone, 'bin')}:${process.env.PATH}`,
      HOME: clone,
      RAWORC_URL: url,
      RAWORC_TOKEN: key,
    };
    const ran = promisify(execFile)('bash', ['-x', '-c', script], { cwd: clone, env, timeout: 120_000 });
    await t.resolves(
      ran.catch((error: { readonly stderr?: string }) => {
        throw new Error(`${page}: ${(error.stderr ?? String(error)).split('\n').slice(-12).join('\n')}`);
      }),
      page,
    );
    const sessions = z.array(z.object({ id: z.string() })).parse((await cluster.rest.call('GET', '/sessions')).body);
    for (const { id } of sessions) await cluster.rest.call('DELETE', `/sessions/${id}`);
  }
});
