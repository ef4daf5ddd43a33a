import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { testDirectory } from '../../../test-directory.ts';

const PROGRAM = join(import.meta.dirname, '../../../../controller/backup/backup.ts');

t.test('a backup replaces an existing file only with --force', async (t) => {
  const directory = testDirectory(t, { old: 'the old backup' });
  const file = join(directory, 'old');
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [PROGRAM, ...args], { env: { RAWORC_DATA_DIR: join(directory, 'none') }, encoding: 'utf8' });
  t.match(run(file), { status: 1, stderr: /old exists\. .*--force/ });
  // There is no controller whose state it could take.
  t.match(run(file, '--force'), {
    status: 1,
    stderr: /the backup failed: there is no controller in .*none\/controller\. Set RAWORC_DATA_DIR, or data_dir in/,
  });
  t.equal(readFileSync(file, 'utf8'), 'the old backup', 'it stays until the new one is complete');
  t.match(run('--force'), { status: 2, stderr: /^Usage/ });
});
