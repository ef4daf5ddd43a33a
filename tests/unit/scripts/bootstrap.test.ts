import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

const root = join(import.meta.dirname, '../../..');
/** Another user could not read a project below /root: the process is only told that it is one. */
const asSomebody = ['--import', 'data:text/javascript,process.getuid=()=>1000'];

function bootstrap(args: readonly string[], options: { flags?: readonly string[]; env?: Record<string, string> } = {}) {
  const { flags = [], env = {} } = options;
  const { status, stderr, stdout } = spawnSync(process.execPath, [...flags, 'scripts/bootstrap.mjs', ...args], {
    cwd: root,
    encoding: 'utf8',
    env: { PATH: process.env.PATH ?? '', ...env },
  });
  return { status, stderr, stdout };
}

t.test('without root it stops at once and prints the exact command to run', async (t) => {
  const line = 'sudo env "PATH=$PATH"';
  for (const [args, env, expected] of [
    [['up'], {}, `${line} npm run up\n`],
    [['up', '--once'], {}, `${line} npm run up -- --once\n`],
    [['test', 'it’s here'], {}, `${line} npm test -- 'it’s here'\n`],
    [['clean', '--yes'], {}, `${line} npm run clean -- --yes\n`],
    // An old npm gave root away: the same line again would not help.
    [['up'], { SUDO_UID: '1000' }, `${line} node scripts/bootstrap.mjs up\n`],
  ] as const) {
    const { status, stderr, stdout } = bootstrap(args, { flags: asSomebody, env });
    t.equal(status, 1);
    t.equal(stdout, '', 'nothing was begun');
    t.ok(stderr.endsWith(`→ ${expected}`), stderr);
  }
});

t.test('help comes at once, without root and before anything is installed', async (t) => {
  for (const [args, expected] of [
    [['up', '--help'], /^npm run up .*\n[\s\S]*--once/],
    [['test', '-h'], /^npm test /],
  ] as const) {
    const { status, stdout, stderr } = bootstrap(args, { flags: asSomebody });
    t.match({ status, stdout, stderr }, { status: 0, stdout: expected, stderr: '' });
  }
});

t.test('an unknown command is named, with the known ones', async (t) => {
  const { status, stderr } = bootstrap(['constructor']);
  t.equal(status, 2);
  t.match(
    stderr,
    /no command "constructor"[\s\S]*use one of: up, test, test:sim, test:contract, test:fuzz, test:size, test:hosts, test:builds, test:packages, test:e2b, test:flood, test:mutation, clean, check, package, bench/,
  );
});

t.test('code that runs before the installation imports only Node.js modules', async (t) => {
  const { readdirSync, readFileSync } = await import('node:fs');
  const files = ['scripts/bootstrap.mjs', ...readdirSync(join(root, 'scripts/bootstrap')).map((name) => `scripts/bootstrap/${name}`)];
  for (const file of files) {
    const text = readFileSync(join(root, file), 'utf8');
    for (const [, target = ''] of text.matchAll(/from '([^']+)'/g)) {
      t.ok(target.startsWith('node:') || (target.endsWith('.mjs') && existsSync(join(root, file, '..', target))), `${file}: ${target}`);
    }
  }
});
