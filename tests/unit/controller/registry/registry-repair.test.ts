import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { removeDamaged } from '../../../../controller/registry/registry-repair.ts';
import { testDirectory } from '../../../test-directory.ts';

const digestOf = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`;

t.test('removes exactly what is damaged, and nothing that cannot be read', async (t) => {
  const directory = testDirectory(t);
  const pathOf = (digest: string) =>
    join(directory, 'storage/docker/registry/v2/blobs/sha256', digest.slice(7, 9), digest.slice(7), 'data');
  const put = (text: string) => {
    const digest = digestOf(text);
    mkdirSync(dirname(pathOf(digest)), { recursive: true });
    writeFileSync(pathOf(digest), text);
    return { digest };
  };
  const [config, first, second] = [put('config'), put('first'), put('second')];
  const manifest = put(JSON.stringify({ config, layers: [first, second] }));
  t.equal(await removeDamaged(directory, manifest.digest), false);

  writeFileSync(pathOf(second.digest), 'secomd');
  t.equal(await removeDamaged(directory, manifest.digest), true);
  t.notOk(existsSync(pathOf(second.digest)));
  t.ok([manifest, config, first].every(({ digest }) => existsSync(pathOf(digest))));
  t.equal(await removeDamaged(directory, manifest.digest), true, 'it is missing now');

  for (const { digest } of [second, manifest]) {
    if (existsSync(pathOf(digest))) unlinkSync(pathOf(digest));
    // Fails with ELOOP, as any read can with EMFILE or EIO.
    symlinkSync('data', pathOf(digest));
    await t.rejects(removeDamaged(directory, manifest.digest), { code: 'ELOOP' });
    t.ok(lstatSync(pathOf(digest)).isSymbolicLink());
  }
});
