import { existsSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readUpgrade, saveUpgrade } from '../../../systemd/upgrade/record.ts';
import { adopt, pointTo, prune, stage, startOf, versionOf } from '../../../systemd/upgrade/versions.ts';
import { testDirectory } from '../../test-directory.ts';

const versions = (root: string) => readdirSync(join(root, 'versions')).sort();

/** A directory with a program that runs, and a root without versions. */
function host(t: Test) {
  const directory = testDirectory(t, {
    root: {},
    own: { 'package.json': '{"version":"1.0.0"}', 'node-agent': { 'main.js': '' }, controller: { 'main.js': '' } },
  });
  const root = join(directory, 'root');
  return { directory, root, program: (daemon: string) => join(directory, 'own', daemon, 'main.js') };
}

/** An npm that installs a package of that version, with `missing` left out. */
function npm(directory: string, version: string, missing = ''): string {
  const file = join(directory, `npm-${version}`);
  const script = `#!/bin/sh -e
[ "$1 $2 $3" = "install --global --prefix" ]
own="$4/lib/node_modules/raworc"; bin="$own/node_modules/node-linux-${process.arch}/bin"
mkdir -p "$own/dist/node-agent" "$own/dist/controller" "$own/node-agent" "$bin"
echo '{"version":"${version}"}' > "$own/package.json"
printf '#!/bin/sh\\necho ${version}' > "$bin/node"; chmod +x "$bin/node"
touch "$own/dist/node-agent/main.js" "$own/dist/controller/main.js" "$own/node-agent/raworc-node-agent.mjs"
${missing === '' ? '' : `rm "$own/${missing}"`}
`;
  writeFileSync(file, script, { mode: 0o755 });
  return file;
}

t.test('the files that run become a version, once', async (t) => {
  const { root, program } = host(t);
  t.equal(await versionOf('node-agent', root), undefined);
  for (let times = 0; times < 2; times += 1) t.equal(await adopt('node-agent', process.execPath, program('node-agent'), root), '1.0.0');
  t.equal(await adopt('controller', process.execPath, program('controller'), root), '1.0.0', 'both daemons share it');
  t.equal(await versionOf('controller', root), '1.0.0');
  const start = startOf('node-agent', root);
  t.ok(existsSync(start.node) && existsSync(start.program), 'the unit can start it');
  t.equal(readlinkSync(start.program), program('node-agent'));
});

t.test('a package is installed beside them, and each daemon changes its version by one rename', async (t) => {
  const { directory, root, program } = host(t);
  for (const daemon of ['node-agent', 'controller'] as const) await adopt(daemon, process.execPath, program(daemon), root);
  t.equal(await stage('raworc@2', root, npm(directory, '2.0.0')), '2.0.0');
  t.equal(await stage('raworc@2', root, npm(directory, '2.0.0')), '2.0.0-2', 'another package of the same version is another one');
  t.equal(await versionOf('node-agent', root), '1.0.0', 'nothing is switched yet');
  await pointTo('node-agent', '2.0.0', root);
  t.match([await versionOf('node-agent', root), await versionOf('controller', root)], ['2.0.0', '1.0.0']);
  t.ok(existsSync(startOf('node-agent', root).program));
  await t.rejects(pointTo('node-agent', '3.0.0', root), /the version 3\.0\.0 is missing/);
  t.equal(await versionOf('node-agent', root), '2.0.0');

  mkdirSync(join(root, 'versions', `.new-${process.pid}`));
  mkdirSync(join(root, 'versions', '.new-999999999'));
  await prune([], root);
  t.same(versions(root), [`.new-${process.pid}`, '1.0.0', '2.0.0'], 'what is unused is removed');
});

t.test('a package that does not start here leaves nothing', async (t) => {
  const { directory, root } = host(t);
  await t.rejects(stage('x', root, npm(directory, '2', 'dist/controller/main.js')), /is not a package of Raworc/);
  await t.rejects(stage('x', root, npm(directory, '3', `node_modules/node-linux-${process.arch}/bin/node`)), /has no Node\.js for/);
  await t.rejects(stage('x', root, '/bin/false'));
  t.same(versions(root), []);
});

t.test('the record of an upgrade is kept until it ends', async (t) => {
  const { root } = host(t);
  t.equal(await readUpgrade('node-agent', root), undefined);
  const upgrade = { from: 'a', to: 'b', phase: 'check', wasHealthy: true, withinMs: 90_000 } as const;
  await saveUpgrade('node-agent', upgrade, root);
  t.same(await readUpgrade('node-agent', root), upgrade);
  t.equal(await readUpgrade('controller', root), undefined);
  await saveUpgrade('node-agent', undefined, root);
  t.equal(await readUpgrade('node-agent', root), undefined);
});
