import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { systemDisk } from '../../../seams/system.ts';

/** Linux, all architectures that Raworc runs on. */
const O_DSYNC = 0o10000;

t.test('a durable write uses one call that also syncs', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-disk-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'file');
  const file = await systemDisk.open(path);
  await file.allocate(64);
  await file.write(0, Buffer.from('before'));
  await file.writeDurably(6, Buffer.from('after'));
  t.equal(readFileSync(path, 'latin1').replaceAll('\0', ''), 'beforeafter');
  t.equal(Buffer.from(await file.read(6, 5)).toString(), 'after');
  const flags = readdirSync('/proc/self/fd')
    .filter((fd) => linkOf(fd) === path)
    .map((fd) => Number.parseInt(/^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0', 8));
  t.equal(flags.filter((flag) => (flag & O_DSYNC) !== 0).length, 1);
  await file.close();
  t.equal(readdirSync('/proc/self/fd').filter((fd) => linkOf(fd) === path).length, 0, 'nothing is left open');
});

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}
