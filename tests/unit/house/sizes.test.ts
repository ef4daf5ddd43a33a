import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

const root = join(import.meta.dirname, '../../..');
const ROOMS = [
  'controller',
  'node-agent',
  'guest',
  'journal',
  'archive',
  'seams',
  'cli',
  'sdk',
  'proto',
  'settings',
  'systemd',
  'launcher',
  'scripts',
];
const MAX_LINES = 300;
const MAX_FILES = 20;

const sources = ROOMS.flatMap((room) => readdirSync(join(root, room), { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile() && /\.(ts|mjs|py)$/.test(entry.name) && !/(^|\/)generated(\/|$)/.test(entry.parentPath))
  .map(({ parentPath, name }) => ({ folder: parentPath.slice(root.length + 1), name }));

t.test('a file has one idea: none is longer than 300 lines', async (t) => {
  t.ok(sources.length > 500);
  for (const { folder, name } of sources) {
    const lines = readFileSync(join(root, folder, name), 'utf8').split('\n').length - 1;
    if (lines > MAX_LINES) t.fail(`${folder}/${name} has ${lines} lines`);
  }
});

t.test('a folder can be read at a glance: none has more than 20 files', async (t) => {
  const counts = new Map<string, number>();
  for (const { folder } of sources) counts.set(folder, (counts.get(folder) ?? 0) + 1);
  t.same(
    [...counts].filter(([, count]) => count > MAX_FILES),
    [],
  );
});
