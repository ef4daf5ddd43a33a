import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync } from 'node:fs';
import t from 'tap';
import { agentEnvironment } from '../../../guest/workers/environment.ts';
import { Processes } from '../../../guest/workers/processes.ts';
import { systemClock } from '../../../seams/system.ts';
import { testDirectory } from '../../test-directory.ts';

const places = { sessionId: 's', sessionDirectory: '/tmp', agentsDirectory: '/tmp', path: '/usr/bin' };
const setup = (environment: Record<string, string>) => ({ space: 'default', agents: [], environment });

t.test('no secret replaces a variable of Raworc, and one that no process can have is left out', async (t) => {
  const odd = { RAWORC_SPACE: 'another', RAWORC_NEW: 'x', PATH: '/nowhere', HOME: '/root', AGENT_MESSAGE: 'm', LANG: 'C' };
  const unfit = { ZERO: 'a\0b', LONG: 'x'.repeat(200_000) };
  const environment = agentEnvironment(places, setup({ ...odd, ...unfit, FINE: 'yes' }));
  t.match(environment, { RAWORC_SPACE: 'default', FINE: 'yes', LANG: 'C', PATH: '/usr/bin', HOME: '/tmp/state' });
  t.same(
    Object.keys({ ...odd, ...unfit }).filter((name) => !(name in environment)),
    ['RAWORC_NEW', 'AGENT_MESSAGE', 'ZERO', 'LONG'],
  );
});

t.test('no secret makes a runtime load other code', async (t) => {
  const dangerous = [
    'NODE_OPTIONS',
    'LD_PRELOAD',
    'LD_LIBRARY_PATH',
    'LD_AUDIT',
    'PYTHONPATH',
    'PYTHONHOME',
    'PYTHONSTARTUP',
    'PYTHONINSPECT',
  ];
  dangerous.push(
    'BASH_ENV',
    'ENV',
    'BASH_FUNC_ls',
    'PERL5LIB',
    'RUBYOPT',
    'GIT_SSH_COMMAND',
    'GIT_CONFIG_COUNT',
    'npm_config_node_options',
  );
  const ordinary = [
    'GIT_TOKEN',
    'GIT_AUTHOR_NAME',
    'NPM_TOKEN',
    'NODE_ENV',
    'PATHS',
    'HOME_URL',
    'ENVIRONMENT',
    'LDAP_PASSWORD',
    'PIP_INDEX_URL',
  ];
  const named = Object.fromEntries([...dangerous, ...ordinary].map((name) => [name, 'planted']));
  const environment = agentEnvironment(places, setup(named));
  t.same(
    Object.keys(environment)
      .filter((name) => environment[name] === 'planted')
      .sort(),
    ordinary.sort(),
  );
});

t.test('no secret makes common programs run its value', async (t) => {
  const directory = testDirectory(t, { file: '', 'planted.sh': '#!/bin/sh\n: > "$(dirname "$0")/ran"\n' });
  const planted = `${directory}/planted.sh`;
  chmodSync(planted, 0o755);
  const attacks: readonly (readonly [name: string, value: string, command: string])[] = [
    ['TAR_OPTIONS', `--checkpoint=1 --checkpoint-action=exec=${planted}`, 'tar cf out.tar file'],
    ['GIT_ALLOW_PROTOCOL', 'ext', `git clone "ext::${planted}" copy`],
    ['GNUMAKEFLAGS', `--eval=$(shell ${planted})`, 'make -f /dev/null'],
    ['RSYNC_RSH', planted, 'rsync host:file copy'],
    ['SSH_SK_HELPER', planted, "ssh-keygen -t ed25519-sk -f key -N ''"],
    ['WGET_ASKPASS', planted, 'wget --use-askpass= http://127.0.0.1:1/'],
    ['ZIPOPT', `-T -TT ${planted}`, 'zip out.zip file'],
  ];
  const runs = (env: Record<string, string>, command: string) => {
    spawnSync('/bin/sh', ['-c', command], { cwd: directory, env, stdio: 'ignore' });
    const has = existsSync(`${directory}/ran`);
    rmSync(`${directory}/ran`, { force: true });
    return has;
  };
  const machine = { ...places, path: process.env.PATH ?? '', sessionDirectory: directory };
  let worked = 0;
  for (const [name, value, command] of attacks) {
    const bare = agentEnvironment(machine, setup({}));
    if (runs({ ...bare, [name]: value }, command)) worked += 1;
    t.notOk(runs(agentEnvironment(machine, setup({ [name]: value })), command), name);
    t.notHas(agentEnvironment(machine, setup({ [name]: value })), { [name]: value }, `${name} is left out`);
  }
  t.ok(worked > 0, 'at least one of these programs is here and does so');
});

t.test('no secret makes Python load modules below HOME', async (t) => {
  t.equal(agentEnvironment(places, setup({ PYTHONNOUSERSITE: '' })).PYTHONNOUSERSITE, '1');
});

t.test('too many secrets for a process fail the run with a reason that shows none', async (t) => {
  const sessionDirectory = testDirectory(t, { workspace: {} });
  const processes = new Processes({
    places: { ...places, sessionDirectory },
    user: undefined,
    workersDirectory: '/tmp',
    clock: systemClock,
  });
  t.teardown(() => processes.close());
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`KEY_${index}`, 'secret'.repeat(20_000)]));
  const nothing = { delta: () => undefined, line: () => undefined };
  const request = { runId: 'r', message: 'm', contextJson: '{}' };
  for (const runtime of ['PYTHON', 'NODE'] as const) {
    const worker = processes.start(
      { name: 'a', runtime, handler: '', idempotent: false, timeoutS: 0, memoryBytes: 0, concurrency: 0 },
      setup(many),
    );
    const end = await worker.run(request, nothing, { ask: async () => ({ outcome: 'reply', content: '' }) });
    t.match(end, { outcome: 'error', reason: 'agent_not_started', content: /do not fit into a process's environment/ });
    t.notOk(worker.alive, 'the next message tries anew');
  }
});
