import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import t from 'tap';
import { SealingRing } from '../../controller/services/spaces/sealing.ts';
import { SecretReader } from '../../controller/services/spaces/secret-reader.ts';
import { sealingKeysIn } from '../../controller/store/files/sealing-keys.ts';
import { openBareStore } from '../../controller/store/sqlite/bare-store.ts';
import { type Cluster, startCluster } from '../cluster/harness.ts';
import { Child } from '../cluster/processes.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
const COUNT = 40;
const expected = Object.fromEntries(Array.from({ length: COUNT }, (_, at) => [`KEY_${at}`, `value ${at}`]));

const PROGRAMS = { rotate: 'rotate/rotate', backup: 'backup/backup', restore: 'backup/restore' };
/** Started without the launcher, so that signals reach the program. */
const program = (directory: string, name: keyof typeof PROGRAMS, ...args: string[]) =>
  new Child(
    name,
    process.execPath,
    [`controller/${PROGRAMS[name]}.ts`, ...args],
    { PATH: process.env.PATH ?? '', RAWORC_DATA_DIR: directory },
    PROJECT,
  );

const keysOf = (directory: string) => join(directory, 'controller', 'keys', 'seal');

async function valuesOf({ rest }: Cluster): Promise<Record<string, string>> {
  const { body } = await rest.call('GET', '/spaces/default/secrets?show_values=true&limit=1000');
  return Object.fromEntries((body as readonly { key_name: string; value: string }[]).map(({ key_name, value }) => [key_name, value]));
}

t.setTimeout(120_000);
t.test('keys are rotated while the controller runs; kill -9 of either process loses no secret', async (t) => {
  const cluster = await startCluster(t, { nodes: [] });
  const { rest, barriers, directory } = cluster;
  for (const [key_name, value] of Object.entries(expected))
    t.equal((await rest.call('POST', '/spaces/default/secrets', { key_name, value })).status, 201);
  const [first = ''] = await readdir(keysOf(directory));

  const plain = program(directory, 'rotate');
  t.equal(await plain.ended(), 'code 0', plain.lines.join('\n'));
  t.match(plain.lines[0], /by the running controller/);
  const [second = '', ...more] = await readdir(keysOf(directory));
  t.same(more, []);
  t.not(second, first);
  t.same(await valuesOf(cluster), expected);

  barriers.hold('sealing.batch');
  const rotating = program(directory, 'rotate');
  await barriers.reached('sealing.batch');
  t.equal((await readdir(keysOf(directory))).length, 2, 'the older key is there while anything needs it');
  t.same(await valuesOf(cluster), expected, 'both open what they sealed');
  const file = join(directory, 'backup.tar');
  const backup = program(directory, 'backup', file);
  t.equal(await backup.ended(), 'code 0', backup.lines.join('\n'));
  await cluster.controller.end('SIGKILL');
  t.equal(await rotating.ended(), 'code 0', rotating.lines.join('\n'));
  t.match(rotating.lines[0], /by this program/, 'it goes on where the controller was killed');
  t.equal((await readdir(keysOf(directory))).length, 1);
  barriers.release('sealing.batch');
  await cluster.startController();
  t.same(await valuesOf(cluster), expected);

  barriers.hold('sealing.batch');
  const again = program(directory, 'rotate');
  await barriers.reached('sealing.batch');
  await again.end('SIGKILL');
  await cluster.controller.end('SIGKILL');
  barriers.release('sealing.batch');
  await cluster.startController();
  await cluster.controller.untilEvent('sealing.rotated');
  t.equal((await readdir(keysOf(directory))).length, 1, 'the next start goes on by itself');
  t.same(await valuesOf(cluster), expected);

  const elsewhere = join(directory, 'elsewhere');
  const restored = program(elsewhere, 'restore', file);
  t.equal(await restored.ended(), 'code 0', restored.lines.join('\n'));
  const store = await openBareStore(join(elsewhere, 'controller', 'raworc.db'), 1);
  t.teardown(() => store.close());
  const space = store.view.spaceByName('default');
  const keeper = new SecretReader(store.view, new SealingRing(await sealingKeysIn(keysOf(elsewhere)).read()));
  t.same(space && keeper.of(space.id).values, expected, 'a backup taken in the middle holds both keys');
});
