import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import t from 'tap';
import { makeDirectory } from '../../../seams/make-directory.ts';

const run = promisify(execFile);

t.test('missing directories are created, and an impossible one fails at once', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'raworc-directories-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const path = join(root, 'a', 'b', 'c');
  await Promise.all(Array.from({ length: 50 }, () => makeDirectory(path, 0o700)));
  t.equal(statSync(path).mode & 0o777, 0o700);
  writeFileSync(join(root, 'file'), '');
  for (const bad of [join(root, 'file'), join(root, 'file', 'x')]) await t.rejects(makeDirectory(bad));
  await t.rejects(makeDirectory('/proc/raworc/data'), { code: 'ENOENT' });
});

t.test('a data directory that cannot be created is named, with what to do', { timeout: 20_000 }, async (t) => {
  const script = `import { dataDirectory } from ${JSON.stringify(new URL('../../../scripts/places.ts', import.meta.url).href)}; await dataDirectory();`;
  const env = { ...process.env, RAWORC_DATA_DIR: '/proc/raworc/data' };
  const failed = await run(process.execPath, ['--input-type=module', '-e', script], { env, timeout: 10_000 }).then(
    () => 'made',
    (error: { readonly stderr?: string; readonly killed?: boolean }) => (error.killed === true ? 'hung' : (error.stderr ?? '')),
  );
  t.match(failed, /Cannot create the directory \/proc\/raworc\/data: ENOENT/);
  t.match(failed, /RAWORC_DATA_DIR/);
});
