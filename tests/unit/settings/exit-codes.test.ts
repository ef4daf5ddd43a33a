import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { FLAGS } from '../../../node-agent/flags.ts';
import { START_ENVIRONMENT } from '../../start-environment.ts';
import { testDirectory } from '../../test-directory.ts';

const ROOT = join(import.meta.dirname, '../../..');

/** Wrong arguments and invalid settings of each program; none of them may act. */
const wrong: readonly (readonly [program: string, args: readonly string[], env: Readonly<Record<string, string>>, says: RegExp])[] = [
  ['node-agent/main.ts', [], { RAWORC_SESSION_DNS: '127.0.0.1' }, /RAWORC_SESSION_DNS must be/],
  ['node-agent/main.ts', [], { RAWORC_SESSION_SUBNET: '10.0.0.0/33' }, /RAWORC_SESSION_SUBNET must be/],
  ['node-agent/doctor/main.ts', [], { RAWORC_DISK_KIND: 'floppy' }, /RAWORC_DISK_KIND must be one of/],
  ['node-agent/join/main.ts', ['--token', 'rwn_x'], { RAWORC_ALLOW_CIDRS: 'home' }, /RAWORC_ALLOW_CIDRS must be/],
  ['node-agent/main.ts', ['--cpu-milis', '1'], {}, /there is no option --cpu-milis\. Did you mean cpu-millis\?/],
  ['node-agent/service/uninstall.ts', ['--print'], {}, /uninstall does not accept --print/],
  ['controller/service/uninstall.ts', ['--print'], {}, /uninstall does not accept --print/],
  ['controller/rotate/rotate.ts', ['--finish'], {}, /^Usage/],
  ['scripts/image/main.ts', ['--tag', 'x'], {}, /Unknown option '--tag'/],
];

for (const [program, args, env, says] of wrong)
  t.test(`${program} ${args.join(' ')} ${Object.keys(env)} ends with exit code 2`, async (t) => {
    const options = { encoding: 'utf8', env: { ...START_ENVIRONMENT, RAWORC_DATA_DIR: testDirectory(t), ...env } } as const;
    t.match(spawnSync(process.execPath, [join(ROOT, program), ...args], options), { status: 2, stderr: says });
  });

t.test('a command that does not exist is refused in two lines that name those that do', async (t) => {
  for (const [room, program] of [
    ['controller', 'raworc-controller'],
    ['node-agent', 'raworc-node-agent'],
  ] as const) {
    const ran = spawnSync(process.execPath, [join(ROOT, room, `${program}.mjs`), 'instal'], { encoding: 'utf8' });
    t.match(ran, { status: 2, stdout: '', stderr: /no command "instal"\. The commands are .*\binstall\b.*\n.* --help\n$/ });
    t.equal(ran.stderr.trimEnd().split('\n').length, 2, program);
  }
});

t.test('the help of the node agent names every flag', async (t) => {
  const { stdout } = spawnSync(process.execPath, [join(ROOT, 'node-agent/raworc-node-agent.mjs'), '--help'], { encoding: 'utf8' });
  t.same(
    FLAGS.filter((flag) => !stdout.includes(`--${flag} `)),
    [],
  );
});
