/** Files of a session's disk get the session's user, on disks of an older version and on copies. */
import { execFileSync } from 'node:child_process';
import { linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { diskDirectory, testDisks } from './test-disks.ts';

const OWNER = { clusterId: 'test', nodeId: 'node' };
const MIB = 2 ** 20;
const BEFORE = 10_001;
const OWN = 2_010_000_007;

const plan = (sessionId: string, uid?: number) => ({
  ...{ sessionId, generation: 1, space: 'default', bytes: 256 * MIB },
  ...(uid !== undefined && { uid }),
});

function world(t: Test, kind: 'image' | 'measured') {
  const directory = diskDirectory(t);
  const disks = testDisks(directory, OWNER, kind);
  t.teardown(() => disks.idle());
  return { directory, disks };
}

/** Runs a program like an agent, as a user other than root. */
function asUser(uid: number, directory: string, program: string): string {
  const become = `import os, sys\nos.chdir(${JSON.stringify(directory)})\nos.setgroups([]); os.setgid(${uid}); os.setuid(${uid})\n`;
  return execFileSync('python3', ['-c', become + program], { encoding: 'utf8' }).trim();
}

t.setTimeout(120_000);
for (const kind of ['image', 'measured'] as const)
  t.test(`files of agents on a disk (${kind}) change owner, and no link is followed`, async (t) => {
    const { directory, disks } = world(t, kind);
    const outside = join(directory, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'file'), 'of the host');
    execFileSync('chown', ['-R', String(BEFORE), outside]);
    await disks.create(plan('s'));
    const { path } = await disks.ready('s');
    const work = join(path, 'workspace');
    mkdirSync(work);
    mkdirSync(join(path, '.raworc'), { mode: 0o700 });
    writeFileSync(join(path, '.raworc', 'mailbox'), 'of the guest');
    execFileSync('chown', [String(BEFORE), work]);
    asUser(
      BEFORE,
      work,
      `
os.symlink(${JSON.stringify(join(outside, 'file'))}, "link")
os.symlink(${JSON.stringify(outside)}, "directory-link")
os.symlink("/etc/passwd", "passwd")
open("file", "w").close(); os.link("file", "hard-link")
open("set-user-id", "w").close(); os.chmod("set-user-id", 0o6755)
os.mkfifo("fifo")
os.mkdir("closed"); open("closed/file", "w").close(); os.chmod("closed", 0)
for depth in range(300):
    os.mkdir("d" * 200); os.chdir("d" * 200)
open("deepest", "w").close()`,
    );

    const ready = await disks.ready('s', 0, OWN);
    t.equal(ready.path, path);
    const owners = (name: string) => lstatSync(join(work, name)).uid;
    for (const name of ['.', 'link', 'directory-link', 'passwd', 'file', 'hard-link', 'set-user-id', 'fifo', 'closed', 'closed/file'])
      t.equal(owners(name), OWN, name);
    t.equal(
      asUser(
        OWN,
        work,
        `
for depth in range(300): os.chdir("d" * 200)
print(os.stat("deepest").st_uid)`,
      ),
      String(OWN),
      'deeper than a path can be long',
    );
    t.same([statSync(join(outside, 'file')).uid, statSync(outside).uid], [BEFORE, BEFORE], 'nothing that a link leads to');
    t.equal(statSync('/etc/passwd').uid, 0);
    t.equal(statSync(join(path, '.raworc', 'mailbox')).uid, 0, 'nor what is the guest’s');
    t.equal(statSync(join(work, 'set-user-id')).mode & 0o6000, 0, 'no program runs as whoever owns it');
    t.equal(statSync(join(work, 'file')).nlink, 2, 'links are what they were');

    // It is known from then on, also by the next node agent.
    t.equal((await testDisks(directory, OWNER, kind).find('s'))?.uid, OWN);
    writeFileSync(join(work, 'late'), '');
    execFileSync('chown', [String(BEFORE), join(work, 'late')]);
    await disks.ready('s', 0, OWN);
    t.equal(owners('late'), BEFORE, 'what has changed hands is not walked again');
  });

t.test('files of a copied disk change owner when its session uses it, and those of the parent do not', async (t) => {
  const { disks } = world(t, 'image');
  await disks.create(plan('parent', OWN));
  await disks.create(plan('copy', OWN + 1));
  const from = await disks.ready('parent', 0, OWN);
  const to = await disks.ready('copy');
  mkdirSync(join(from.path, 'workspace'));
  writeFileSync(join(from.path, 'workspace', 'private'), 'words', { mode: 0o600 });
  symlinkSync('private', join(from.path, 'workspace', 'link'));
  linkSync(join(from.path, 'workspace', 'private'), join(from.path, 'workspace', 'second'));
  execFileSync('chown', ['-hR', String(OWN), join(from.path, 'workspace')]);
  await disks.copiedFrom('copy', 'parent');
  execFileSync('cp', ['-a', `${from.path}/.`, `${to.path}/`]);
  await disks.ready('copy', 0, OWN + 1);
  const copied = join(to.path, 'workspace');
  for (const name of readdirSync(copied)) t.equal(lstatSync(join(copied, name)).uid, OWN + 1, name);
  t.equal(asUser(OWN + 1, copied, 'print(open("second").read())'), 'words');
  t.throws(() => asUser(OWN, copied, 'open("private").read()'), 'the parent’s user is a stranger there');
  t.equal(readFileSync(join(from.path, 'workspace', 'private'), 'utf8'), 'words');
  t.equal(statSync(join(from.path, 'workspace', 'private')).uid, OWN);
});
