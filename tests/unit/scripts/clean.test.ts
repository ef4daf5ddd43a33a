import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { hasOwnDockerd } from '../../../scripts/machine/dockerd.ts';
import { disks, sockets } from '../../../scripts/machine/node-files.ts';

t.test('the disks of every node are removed, including prepared ones', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'raworc-clean-'));
  t.teardown(() => rmSync(dataDir, { recursive: true, force: true }));
  t.same(disks(dataDir), [], 'an installation without nodes has none');
  const paths = ['1/disks/session', '1/disks/.ready-x', '2/disks/other'].map((path) => join(dataDir, 'nodes', path));
  for (const path of paths) mkdirSync(join(path, 'fs'), { recursive: true });
  const found = disks(dataDir);
  t.same(found.map(({ name }) => name).sort(), paths.toSorted());
  for (const disk of found) disk.remove();
  for (const path of paths) t.notOk(existsSync(path), path);
});

t.test('only existing sockets are removed, and a node without a valid identity has none', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'raworc-clean-'));
  t.teardown(() => rmSync(dataDir, { recursive: true, force: true }));
  for (const [node, text] of [
    ['1', '{"nodeId": "ffffffff-0000-4000-8000-00000000dead"}'],
    ['2', '{"nodeId": "../../etc"}'],
  ] as const) {
    mkdirSync(join(dataDir, 'nodes', node), { recursive: true });
    writeFileSync(join(dataDir, 'nodes', node, 'identity.json'), text);
  }
  t.same(sockets(dataDir), []);
});

t.test('Docker is started to be cleaned only where it was started for this data before', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'raworc-clean-'));
  t.teardown(() => rmSync(dataDir, { recursive: true, force: true }));
  t.equal(hasOwnDockerd(dataDir), false);
  t.notOk(existsSync(join(dataDir, 'logs')), 'to ask leaves nothing behind');
});
