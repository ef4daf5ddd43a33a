import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { installGuestFiles } from '../../../../node-agent/images/guest-files.ts';

t.test('the guest is installed with its folders, under a name that follows from all content', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'raworc-guest-files-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const built = join(root, 'built');
  mkdirSync(join(built, 'python'), { recursive: true, mode: 0o700 });
  writeFileSync(join(built, 'guest.mjs'), 'guest');
  writeFileSync(join(built, 'python', 'raworc.py'), 'one', { mode: 0o600 });
  const options = { builtDirectory: built, nodePath: process.execPath, nodeVersion: 'v1', directory: join(root, 'installed') };
  const first = await installGuestFiles(options);
  t.equal(readFileSync(join(first, 'python', 'raworc.py'), 'utf8'), 'one');
  t.equal(statSync(join(first, 'python')).mode & 0o777, 0o755, 'agents can enter it');
  t.equal(statSync(join(first, 'python', 'raworc.py')).mode & 0o777, 0o644, 'and read it');
  t.equal(await installGuestFiles(options), first);
  writeFileSync(join(built, 'python', 'raworc.py'), 'two');
  t.not(await installGuestFiles(options), first);
});
