/**
 * Disks of sessions on this host's kernel: limits hold, an unmounted disk is never taken for an
 * empty one, and a kill loses none.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { diskDirectory, testDisks } from './test-disks.ts';

const MIB = 2 ** 20;
const OWNER = { clusterId: 'c', nodeId: 'n' };
const unused = async () => false;

function world(t: Test) {
  const directory = diskDirectory(t);
  const disks = testDisks(directory, OWNER);
  t.teardown(() => disks.idle());
  const plan = (sessionId: string, bytes = 8 * MIB) => ({ sessionId, generation: 1, space: 'default', bytes });
  return { directory: join(directory, 'disks'), disks, plan, again: () => testDisks(directory, OWNER) };
}

/** Writes like an agent, not as root, until it fails. */
function fill(path: string): { bytes: number; error: string } {
  const program = `
import os, sys
os.chdir(sys.argv[1])
os.setgroups([]); os.setgid(10001); os.setuid(10001)
written = 0
try:
    with open("ballast", "wb", buffering=0) as ballast:
        while True: written += ballast.write(bytes(65536))
except OSError as error:
    print(written, error.errno)`;
  const { stdout, stderr } = spawnSync('python3', ['-c', program, path], { encoding: 'utf8' });
  const [bytes = '', error = ''] = stdout.trim().split(' ');
  return { bytes: Number(bytes), error: error || stderr };
}

t.setTimeout(120_000);
t.test('agents can write up to the limit; the reserve is for the guest', async (t) => {
  const { directory, disks, plan } = world(t);
  const limit = 256 * MIB;
  const { id } = await disks.create(plan('s', limit));
  const { path } = await disks.ready('s');
  t.equal(path, join(directory, 's', 'fs', id));
  const { files } = await statfs(path);
  t.ok(files > limit / 10_000 && files < limit / 7_000, `${files} files at most`);
  t.ok(blocksOf(join(directory, 's', 'image')) < 4 * MIB, 'an empty disk takes hardly any room');
  mkdirSync(join(path, 'workspace'), { mode: 0o777 });
  execFileSync('chmod', ['777', join(path, 'workspace')]);
  const { bytes, error } = fill(join(path, 'workspace'));
  t.equal(error, '28', 'ENOSPC');
  t.ok(bytes > limit * 0.97 && bytes < limit * 1.03, `${bytes} of ${limit}`);
  const journal = openSync(join(path, 'journal'), 'w');
  t.equal(writeSync(journal, Buffer.alloc(8 * MIB)), 8 * MIB, 'uid 0 has its reserve');
  closeSync(journal);

  execFileSync('rm', [join(path, 'workspace', 'ballast')]);
  await disks.release('s', unused);
  t.ok(blocksOf(join(directory, 's', 'image')) < 32 * MIB, 'the host has back what was deleted');
});

t.test('an unmounted disk is mounted, and anything that is not the session’s disk is refused', async (t) => {
  const { directory, disks, plan, again } = world(t);
  await disks.create(plan('s'));
  const { path, disk } = await disks.ready('s');
  writeFileSync(join(path, 'file'), 'kept');
  execFileSync('umount', [join(directory, 's', 'fs')]);
  t.notOk(existsSync(path), 'as after a restart of the host: there is no such directory to bind');
  t.equal((await again().find('s'))?.id, disk.id, 'the disk is there all the same');
  t.equal((await again().ready('s')).path, path);
  t.equal(readFileSync(join(path, 'file'), 'utf8'), 'kept');

  await disks.create(plan('t'));
  execFileSync('umount', [join(directory, 's', 'fs')]);
  renameSync(join(directory, 's', 'image'), join(directory, 's', 'image-of-s'));
  renameSync(join(directory, 't', 'image'), join(directory, 's', 'image'));
  await t.rejects(disks.ready('s'), /is not the disk of this session/);
  await t.rejects(disks.ready('s'), /is not the disk of this session/, 'also when it is mounted by now');
  t.equal(await disks.find('t'), undefined, 'one without its image is not there');
});

t.test('an image that a container still uses is never mounted from a second loop device', async (t) => {
  const { directory, disks, plan } = world(t);
  await disks.create(plan('s'));
  const { path } = await disks.ready('s');
  writeFileSync(join(path, 'file'), 'kept');
  const device = statSync(path).dev;
  const holder = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-c', 'echo held; read done'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  await disks.release('s', unused);
  t.notOk(existsSync(path));
  await disks.ready('s');
  t.equal(statSync(path).dev, device);
  t.equal(loopsOn(join(directory, 's', 'image')), 1);
  holder.stdin.end();
  await once(holder, 'exit');
});

t.test('a disk that is requested while it is released stays mounted, as does one in use', async (t) => {
  const { disks, plan } = world(t);
  await disks.create(plan('s'));
  const { path } = await disks.ready('s');
  await disks.release('s', async () => true);
  t.ok(existsSync(path));
  await Promise.all([disks.release('s', unused), disks.ready('s')]);
  t.ok(existsSync(path));
});

for (const operation of ['create', 'create-prepared', 'release', 'remove', 'adopt', 'adopt by copy'] as const)
  t.test(`a kill during ${operation} loses nothing, and leftovers are cleared`, async (t) => {
    const { directory, disks, plan, again } = world(t);
    const volumes = operation === 'adopt by copy' ? `/dev/shm/raworc-test-${randomUUID()}` : join(directory, '..', 'volumes');
    mkdirSync(volumes);
    t.teardown(() => execFileSync('rm', ['-rf', volumes]));
    let kills = 0;
    for (let at = 1; ; at += 1) {
      const session = randomUUID();
      const from = join(volumes, session, '_data');
      if (operation.startsWith('adopt')) makeFiles(from);
      else if (!operation.startsWith('create')) {
        await disks.create(plan(session));
        makeFiles(join((await disks.ready(session)).path, 'workspace'));
      }
      const args = [operation.split(' ')[0] ?? '', directory, session, from, String(at)];
      const child = spawnSync(process.execPath, [join(import.meta.dirname, 'disk-crash-child.ts'), ...args], { encoding: 'utf8' });
      if (child.signal === null) {
        t.equal(child.stderr, '');
        if (operation.startsWith('adopt')) t.ok(statSync(from).isFile(), 'a plain file is left where they were');
        t.ok(Number(child.stdout) < at && kills >= 2, `it got through, after ${kills} kills`);
        break;
      }
      kills += 1;
      const next = again();
      await next.sweep();
      t.notOk(
        namesIn(directory).some((name) => name.startsWith('.')),
        `moment ${at}: nothing half made is left`,
      );
      const found = await next.find(session);
      if (operation.startsWith('create')) {
        const made = await next.create(plan(session));
        if (found !== undefined) t.equal(made.id, found.id, 'what was there is not made again');
        t.ok(existsSync((await next.ready(session)).path));
      } else if (operation === 'release') t.ok(isWhole(join((await next.ready(session)).path, 'workspace')), `moment ${at}`);
      else if (operation === 'remove') {
        if (found !== undefined) t.ok(isWhole(join((await next.ready(session)).path, 'workspace')), `moment ${at}: all of it or nothing`);
      } else {
        if (found === undefined) t.ok(isWhole(from), `moment ${at}: all is where it was`);
        const adopted = await next.adopt(plan(session), from);
        t.ok(isWhole((await next.ready(session)).path), `moment ${at}: all of it is in the disk`);
        t.equal(adopted.kind, 'measured');
        t.notOk(existsSync(from) && statSync(from).isDirectory(), 'and no empty directory where it was');
      }
      await next.remove(session);
      await next.sweep();
      t.same(readdirSync(directory), [], 'nothing is left');
    }
  });

function makeFiles(directory: string): void {
  mkdirSync(join(directory, 'deep', 'er'), { recursive: true });
  writeFileSync(join(directory, 'deep', 'er', 'file'), 'kept'.repeat(10_000));
  symlinkSync('/etc/passwd', join(directory, 'link'));
}

function isWhole(directory: string): boolean {
  const file = join(directory, 'deep', 'er', 'file');
  return existsSync(file) && readFileSync(file, 'utf8').length === 40_000 && existsSync(join(directory, 'link'));
}

const namesIn = (directory: string) => (existsSync(directory) ? readdirSync(directory) : []);

const blocksOf = (file: string) => statSync(file).blocks * 512;

function loopsOn(image: string): number {
  const listed = execFileSync('losetup', ['-j', image], { encoding: 'utf8' });
  return listed.split('\n').filter((line) => line !== '').length;
}
