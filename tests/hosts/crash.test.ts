import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import t from 'tap';
import { Child } from '../cluster/processes.ts';
import { leftovers, RACK_PREFIX, sweep } from './sweep.ts';

const PROJECT = join(import.meta.dirname, '../..');

t.test('a test that is killed leaves nothing that the next ones do not remove, also at once', async (t) => {
  const root = mkdtempSync('/tmp/racks-');
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const owner = new Child('a test', process.execPath, ['tests/hosts/crash-child.ts', root], { PATH: process.env.PATH ?? '' }, PROJECT);
  t.teardown(() => owner.end('SIGKILL'));
  const directory = await owner.untilLine('its rack', (line) => line.startsWith(join(root, RACK_PREFIX)));

  await sweep(root);
  t.same(readdirSync(root).length, 1, 'while it lives, nobody removes its rack');
  const kinds = (await leftovers(directory)).map((one) => one.replaceAll(/\d+/g, 'N'));
  for (const kind of ['/sys/devices/virtual/block/loopN/loop/backing_file', 'its link']) t.ok(kinds.includes(kind), kind);

  await owner.end('SIGKILL');
  t.ok((await leftovers(directory)).length > 0, 'what is frozen does not die with it');
  await Promise.all([sweep(root), sweep(root), sweep(root)]);
  t.same(await leftovers(directory), []);
  t.same(readdirSync(root), []);
});
