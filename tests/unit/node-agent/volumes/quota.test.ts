import t, { type Test } from 'tap';
import type { Command } from '../../../../node-agent/volumes/command.ts';
import { attemptQuota, boundByProject, freeProject } from '../../../../node-agent/volumes/quota.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { testDirectory } from '../../../test-directory.ts';

const GIB = 2 ** 30;

/** A host on which `dd` behaves as told; every call is noted. */
function host(t: Pick<Test, 'testdir' | 'teardown'>, { enforces = true, setquota = true, writes = true } = {}) {
  const calls: string[] = [];
  const run: Command = async (program, args, options) => {
    calls.push([program, ...args].join(' '));
    if (program === 'findmnt') return '/var/lib/raworc\n';
    if (program === 'setquota' && !setquota) throw new Error('setquota: Cannot find mountpoint for device');
    if (program !== 'dd') return '';
    if (options?.uid === undefined) throw new Error('root is not held to a quota');
    const isBeyond = args.includes('count=8');
    if (!writes || (isBeyond && enforces)) throw new Error('dd: error writing: Disk quota exceeded');
    return '';
  };
  return { run, calls, directory: `${testDirectory(t)}/tried` };
}

t.test('a directory becomes the root of a project before its limit is set, in bytes and in files', async (t) => {
  const { run, calls, directory } = host(t);
  await boundByProject(run, directory, 1_073_741_999, GIB);
  t.same(calls, [
    `chattr -p 1073741999 ${directory}`,
    `chattr +P ${directory}`,
    `findmnt -n -o TARGET --target ${directory}`,
    'setquota -P 1073741999 0 1048576 0 131072 /var/lib/raworc',
  ]);
});

t.test('a quota is trusted only where a part of the limit fits and more than the limit does not', async (t) => {
  const good = host(t);
  t.equal(await attemptQuota(good.run, good.directory, systemRandom), undefined);
  t.match(good.calls.at(-1), /^setquota -P \d+ 0 0 0 0 /, 'its limit is lifted again');
  const lax = host(t, { enforces: false });
  t.match(await attemptQuota(lax.run, lax.directory, systemRandom), /does not enforce/);
  const dead = host(t, { writes: false });
  await t.rejects(attemptQuota(dead.run, dead.directory, systemRandom), /quota exceeded/, 'a failure to write anything proves nothing');
  const none = host(t, { setquota: false });
  await t.rejects(attemptQuota(none.run, none.directory, systemRandom), /Cannot find mountpoint/);
});

t.test('no two disks have the same project, and none has an administrator’s', async (t) => {
  const taken = new Set<number>();
  for (let i = 0; i < 1000; i += 1) {
    const project = freeProject(systemRandom, taken);
    t.ok(project >= 2 ** 30 && project < 2 ** 31 && !taken.has(project));
    taken.add(project);
  }
  const [only] = taken;
  const scripted = [only ?? 0, (only ?? 0) + 1].map((number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(number);
    return bytes;
  });
  const random = { ...systemRandom, bytes: () => scripted.shift() ?? Buffer.alloc(4) };
  t.equal(freeProject(random, new Set([only ?? 0])), (only ?? 0) + 1, 'a number that is taken is passed over');
});
