/** Roots of workstations on this host: an image unpacked once, and each session's changes on its own disk. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { runCommand } from '../../node-agent/volumes/command.ts';
import { Disks } from '../../node-agent/volumes/disks.ts';
import { LowerRoots } from '../../node-agent/volumes/roots/lower-roots.ts';
import { attemptOverlay } from '../../node-agent/volumes/roots/overlay.ts';
import { systemRandom } from '../../seams/system.ts';
import { silent } from '../unit/controller/core.ts';
import { diskDirectory } from './test-disks.ts';

const IMAGE = 'raworc/workstation:1';
const owner = { clusterId: 'c', nodeId: 'n' };
const plan = (sessionId: string, uid: number) => ({ sessionId, generation: 1, space: 's', bytes: 32 * 2 ** 20, uid });

/** An image with a file and a link, and disks whose roots are changes to it. */
function host(t: Parameters<typeof diskDirectory>[0]) {
  const directory = diskDirectory(t);
  const image = join(directory, 'image');
  mkdirSync(join(image, 'usr/share/doc'), { recursive: true });
  writeFileSync(join(image, 'usr/share/doc/a'), 'of the image');
  symlinkSync('usr/bin', join(image, 'bin'));
  let exported = 0;
  const lowers = new LowerRoots({
    ...{ directory: join(directory, 'roots'), run: runCommand, log: silent },
    exportImage: async (name, file) => {
      exported += 1;
      if (name === IMAGE) await runCommand('tar', ['-c', '-f', file, '-C', image, '.']);
      return name === IMAGE;
    },
  });
  const disks = () =>
    new Disks({
      ...{ directory: join(directory, 'disks'), owner, kind: 'image', run: runCommand, random: systemRandom, log: silent },
      lowerOf: async (name) => (await lowers.find(name))?.path,
    });
  return { directory, lowers, disks, exported: () => exported };
}

t.test('an image is unpacked once, and kept as long as a disk needs it', async (t) => {
  const { directory, lowers, exported } = host(t);
  t.equal(await lowers.ensure('raworc/workstation:unknown'), undefined);
  const [one, other] = await Promise.all([lowers.ensure(IMAGE), lowers.ensure(IMAGE)]);
  t.match(one, {
    entries: [
      { name: 'bin', kind: 'link', target: 'usr/bin' },
      { name: 'usr', kind: 'directory' },
    ],
  });
  t.same(one, other);
  t.equal(exported(), 2, 'at once: one flight');
  mkdirSync(join(directory, 'roots/.making-raworc-workstation-2/root'), { recursive: true });
  await lowers.sweep(new Set([IMAGE]));
  t.same(readdirSync(join(directory, 'roots')), ['raworc-workstation-1'], 'what a crash left is cleared');
  await lowers.sweep(new Set());
  t.equal(await lowers.find(IMAGE), undefined);
});

t.test('a root keeps changes, removals too, when it is unmounted, and changes its owner with its disk', async (t) => {
  const { directory, lowers, disks } = host(t);
  await lowers.ensure(IMAGE);
  const first = disks();
  await first.create(plan('one', 20_001));
  const { path } = await first.ready('one');
  const root = await first.root('one', IMAGE);
  t.equal(readFileSync(join(root, 'usr/share/doc/a'), 'utf8'), 'of the image');
  rmSync(join(root, 'usr/share/doc'), { recursive: true });
  writeFileSync(join(root, 'usr/new'), 'new');
  execFileSync('chown', ['20001:20001', join(root, 'usr/new')]);
  t.same(readdirSync(path), [], 'the session does not see the changes themselves');
  t.ok(existsSync(join(directory, 'roots/raworc-workstation-1/usr/share/doc/a')), 'the image stays as it is');

  await first.release('one', async () => false);
  t.same(readdirSync(root), [], 'unmounted');
  await disks().ready('one', 0, 20_002);
  t.equal(readFileSync(join(root, 'usr/new'), 'utf8'), 'new', 'another process finds and mounts it');
  t.equal(statSync(join(root, 'usr/new')).uid, 20_002);
  t.notOk(existsSync(join(root, 'usr/share/doc')));

  const filled = (() => {
    try {
      writeFileSync(join(root, 'usr/big'), Buffer.alloc(80 * 2 ** 20));
    } catch (error) {
      return error;
    }
  })();
  t.match(filled, { code: 'ENOSPC' }, 'the root counts against the limit of the disk');
  await disks().remove('one');
  t.same(readdirSync(join(directory, 'disks')), [], 'nothing of a removed disk stays mounted');
});

t.test('a host without such file systems says so', async (t) => {
  const directory = diskDirectory(t);
  t.equal(await attemptOverlay(runCommand, join(directory, 'trial'), async () => true), undefined);
  t.match(await attemptOverlay(runCommand, join(directory, 'trial'), async () => false), /Docker does not see/);
  t.match(await attemptOverlay(runCommand, join(directory, 'a,b'), async () => true), /contains a comma/);
  t.same(readdirSync(directory), []);
});
