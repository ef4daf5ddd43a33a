import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

const ROOT = join(import.meta.dirname, '../../..');
const read = (name: string) => JSON.parse(readFileSync(join(ROOT, name), 'utf8'));

t.test('the package brings what it depends on, except npm', async (t) => {
  const { dependencies, bundleDependencies } = read('package.json');
  const expected = Object.keys(dependencies).filter((name) => name !== 'npm');
  t.same(bundleDependencies, expected.sort(), 'add new packages to bundleDependencies');
  // In a bundle, npm installs the packages inside npm one by one, and registries lack some of them.
  const { inBundle, version } = read('package-lock.json').packages['node_modules/npm'];
  t.ok(version);
  t.equal(inBundle, undefined);
});
