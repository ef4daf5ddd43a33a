/** What Docker makes images of workstations from. The script itself is run in tests/builds. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import t from 'tap';
import { contextOf } from '../../../../node-agent/engine/docker/workstations/context.ts';
import { dockerfileOf, recipeOf, variablesOf } from '../../../../node-agent/engine/docker/workstations/recipe.ts';
import { testDirectory } from '../../../test-directory.ts';

const SETTINGS = ['HTTP_PROXY', 'https_proxy', 'NO_PROXY', 'RAWORC_APT_URL', 'npm_config_registry'];

t.test('the stock image gets the node agent’s Node.js and npm, the operator’s certificates and no proxy', async (t) => {
  const directory = testDirectory(t);
  mkdirSync(join(directory, 'npm/bin'), { recursive: true });
  writeFileSync(join(directory, 'npm/bin/npm-cli.js'), 'npm');
  writeFileSync(join(directory, 'node'), 'x'.repeat(300_000));
  const programs = { node: join(directory, 'node'), npm: join(directory, 'npm') };
  const unpacked = async (name: string, certificates?: string) => {
    const input = await buffer(contextOf(recipeOf(name, 'base:1', certificates), SETTINGS, programs));
    return (...args: string[]) =>
      execFileSync('tar', ['-x', '-O', ...args], { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });
  };
  const stock = await unpacked('raworc/workstation', 'PEM');
  const lines = stock('Dockerfile').split('\n');
  t.equal(lines[0], 'FROM base:1');
  t.same(
    lines.filter((line) => line.startsWith('ARG')),
    ['ARG RAWORC_APT_URL', 'ARG npm_config_registry'],
    'a proxy’s password would be in the history of the image',
  );
  t.equal(stock('raworc-setup/certificates.pem'), 'PEM');
  t.equal(stock('node').length, 300_000);
  t.match(execFileSync('tar', ['-t'], { input: Buffer.from(stock('npm.tar')), encoding: 'utf8' }), /^bin\/npm-cli\.js$/m);
  t.match(stock('raworc-setup/make.sh'), /apt-get .*install/);

  const own = await unpacked('example/tools:1');
  t.match(own('Dockerfile'), /^FROM example\/tools:1\n/);
  t.notMatch(own('Dockerfile'), /node|npm\.tar/, 'an image of one’s own keeps its programs');
  t.notMatch(own('raworc-setup/make.sh'), /apt-get/);
  t.throws(() => own('raworc-setup/certificates.pem'));
});

t.test('passwords in the URLs of mirrors are not in the history of the image, and serve the script', async (t) => {
  const secret = 'https://user:password@mirror.example.com/';
  const open = 'https://mirror.example.com/';
  const proxies = { HTTP_PROXY: secret, no_proxy: 'localhost' };
  const recipe = recipeOf('raworc/workstation', 'base:1');
  /** What Docker writes into the history. */
  const named = (variables: Readonly<Record<string, string>>) =>
    Object.entries(variables).filter(([name]) => dockerfileOf(recipe, Object.keys(variables)).includes(`ARG ${name}\n`));
  const closed = variablesOf({ ...proxies, RAWORC_APT_URL: secret, PIP_INDEX_URL: secret, npm_config_registry: secret, GOPROXY: open });
  t.same(named(closed), [['GOPROXY', open]]);
  t.same(variablesOf({ ...proxies, RAWORC_APT_URL: open }), { ...proxies, RAWORC_APT_URL: open });
  const [[, script] = ['', '']] = recipe.files;
  const mirror = script.slice(0, script.indexOf('if ['));
  for (const variables of [closed, variablesOf({ RAWORC_APT_URL: secret }), { RAWORC_APT_URL: secret }])
    t.equal(execFileSync('sh', { input: `${mirror}echo $RAWORC_APT_URL \${FTP_PROXY-}`, env: variables, encoding: 'utf8' }), `${secret}\n`);
});

t.test('the scripts are valid, and a missing program is an error', async (t) => {
  for (const name of ['raworc/workstation', 'example/tools:1']) {
    const [[, script] = ['', '']] = recipeOf(name, 'base:1').files;
    execFileSync('sh', ['-n'], { input: script });
  }
  const none = { node: '/nonexistent', npm: '/nonexistent' };
  await t.rejects(buffer(contextOf(recipeOf('raworc/workstation', 'base:1'), SETTINGS, none)), { code: 'ENOENT' });
});
