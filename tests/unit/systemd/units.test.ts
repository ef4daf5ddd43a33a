import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { controllerUnit } from '../../../controller/service/unit.ts';
import { serviceArgs } from '../../../node-agent/service/service.ts';
import { nodeAgentUnit } from '../../../node-agent/service/unit.ts';
import { notifier } from '../../../systemd/notify.ts';
import { settingsOfShell } from '../../../systemd/shell-settings.ts';
import { commandLine } from '../../../systemd/unit.ts';
import { GUARD_FLAG, guardText } from '../../../systemd/upgrade/guard.ts';
import { testDirectory } from '../../test-directory.ts';

const node = process.execPath;
const units = {
  'raworc-node-agent.service': { text: nodeAgentUnit(node, '/p/main.js', ['--name=a b']), mostExposed: 6.5 },
  'raworc-controller.service': {
    text: controllerUnit({
      node,
      program: '/p/main.js',
      args: [],
      dataDirectory: undefined,
      writes: ['/var/log/raworc'],
      secrets: { RAWORC_NATS_TOKEN_FILE: '/etc/t' },
    }),
    mostExposed: 2.5,
  },
  // It is what the operator's command is, which nothing restricts.
  'raworc-node-agent-upgrade.service': { text: guardText('node-agent', node, '/p/upgrade.js'), mostExposed: 10 },
};

/** Directives that give a service a mount namespace of its own (systemd.exec, "Sandboxing"). */
const NAMESPACED =
  /^(ProtectSystem|ProtectHome|ProtectKernel\w+|ProtectControlGroups|ProtectProc|ProcSubset|ProtectHostname|Private\w+|ReadWritePaths|ReadOnlyPaths|InaccessiblePaths|ExecPaths|NoExecPaths|BindPaths|BindReadOnlyPaths|TemporaryFileSystem|RootDirectory|RootImage|MountImages|ExtensionImages|MountAPIVFS|MountFlags|DynamicUser|LoadCredential|StateDirectory|RuntimeDirectory|BindLogSockets)=/m;

for (const [name, { text, mostExposed }] of Object.entries(units)) {
  t.test(`systemd accepts ${name}, and finds it hardened`, async (t) => {
    const file = join(testDirectory(t, {}), name);
    writeFileSync(file, text);
    const { stderr } = await promisify(execFile)('systemd-analyze', ['verify', '--man=no', file]);
    t.notMatch(stderr, name, 'no warning about it');
    const { stdout } = await promisify(execFile)('systemd-analyze', ['security', '--offline=true', '--no-pager', file]);
    const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1]);
    t.ok(exposure > 0 && exposure <= mostExposed, `exposure ${exposure}`);
  });
}

t.test('dockerd sees the disks that the node agent mounts: its unit has no mount namespace', async (t) => {
  t.notMatch(units['raworc-node-agent.service'].text, NAMESPACED);
  t.match(units['raworc-controller.service'].text, NAMESPACED, 'the pattern finds such directives');
});

t.test('a restart of Docker ends no node agent, and the units wait for what they need', async (t) => {
  const text = units['raworc-node-agent.service'].text;
  t.match(text, /^After=.*docker\.service/m);
  t.notMatch(text, /^(Requires|BindsTo|PartOf)=/m);
});

t.test('the guard of an upgrade starts with the system, and again if it is killed', async (t) => {
  const text = guardText('controller', '/n', '/p/upgrade.js');
  for (const line of [`ExecStart=/n /p/upgrade.js ${GUARD_FLAG}`, 'Restart=on-failure', 'WantedBy=multi-user.target'])
    t.match(text, new RegExp(`^${line}$`, 'm'));
});

t.test('the guard of an upgrade does not start in vain for ever', async (t) => {
  const directory = testDirectory(t, { 'up grade.js': '' });
  const [there, gone] = ['up grade.js', 'gone.js'].map((name) => join(directory, name));
  const condition = async (program = '') => {
    const text = guardText('node-agent', node, program);
    t.match(text, /^StartLimitBurst=60$/m);
    const [, line = ''] = /^ExecCondition=(.*)$/m.exec(text) ?? [];
    // In these lines, only what systemd calls a variable differs from a shell's.
    const { stdout } = await promisify(execFile)('sh', ['-c', line.replaceAll('$$', '\\$')]);
    return stdout;
  };
  t.equal(await condition(there), '');
  await t.rejects(condition(gone), {
    code: 1,
    stdout: `<3>${gone} is missing, so nothing continues the upgrade by itself. Run: raworc-node-agent upgrade\n`,
  });
});

t.test('secrets of the controller are credentials, and directories at home stay visible', async (t) => {
  const { text } = units['raworc-controller.service'];
  t.match(text, 'LoadCredential=RAWORC_NATS_TOKEN_FILE:/etc/t\nEnvironment=RAWORC_NATS_TOKEN_FILE=%d/RAWORC_NATS_TOKEN_FILE');
  t.match(text, 'ProtectHome=yes');
  const atHome = controllerUnit({ node: '/root/n/node', program: '/p', args: [], dataDirectory: '/srv/raworc', writes: [], secrets: {} });
  t.match(atHome, 'ProtectHome=no');
  t.match(atHome, 'ReadWritePaths=/srv/raworc');
  t.notMatch(atHome, 'StateDirectory');
});

t.test('systemd creates the data directory of the controller, also if the configuration file names it for backups', (t) => {
  const unit = (dataDirectory: string | undefined) =>
    controllerUnit({ node: '/n', program: '/p', args: [], dataDirectory, writes: [], secrets: {} });
  t.equal(unit('/var/lib/raworc-controller'), unit(undefined));
  t.match(unit(undefined), 'StateDirectory=raworc-controller');
  t.end();
});

t.test('words of a command line reach the program unchanged', async (t) => {
  t.equal(commandLine(['/n', '--a=b', 'a b', '50%', '$HOME', 'q"\\']), '/n --a=b "a b" "50%%" "$$HOME" "q\\"\\\\"');
  t.throws(() => commandLine(['a\nExecStartPre=/bin/sh']), /cannot contain/);
});

t.test('the service gets the flags that were given, with absolute paths and without the token', async (t) => {
  t.same(serviceArgs(['--data', 'd', '--token', 'rwn_x', '--token-file', 't', '--cpu-millis=500', '--config', 'c'], '/etc/c'), [
    '--config=/etc/c',
    `--data=${join(process.cwd(), 'd')}`,
    '--cpu-millis=500',
  ]);
});

t.test('a setting of the shell that the service would lack is named', async (t) => {
  t.match(settingsOfShell({ RAWORC_HTTP_PORT: '1' }, ['HTTP_PORT'], '/f'), /RAWORC_HTTP_PORT .* Move it to \/f/);
  t.equal(settingsOfShell({ RAWORC_URL: 'u', RAWORC_HTTP_PORT: '' }, ['HTTP_PORT'], '/f'), undefined);
});

t.test('the watchdog is kept alive from ready on, three times in each interval, until the daemon stops', async (t) => {
  const sent: string[] = [];
  const timers: { ms: number; run: () => void; isCancelled: boolean }[] = [];
  const after = (ms: number, run: () => void) => {
    const timer = { ms, run, isCancelled: false };
    timers.push(timer);
    return {
      cancel() {
        timer.isCancelled = true;
      },
    };
  };
  const send = (assignments: readonly string[]) => void sent.push(...assignments);
  let isWell = true;
  const env = { NOTIFY_SOCKET: '/s', WATCHDOG_USEC: '30000000' };
  const notify = notifier({ env, after, send, isWell: () => isWell });
  notify.status('busy');
  t.same([sent, timers.length], [[], 0], 'nothing before it is ready');
  notify.ready();
  timers[0]?.run();
  t.same(sent, ['READY=1', 'STATUS=busy', 'WATCHDOG=1']);
  t.match(timers, [{ ms: 10_000 }, { ms: 10_000 }]);
  isWell = false;
  timers[1]?.run();
  t.equal(sent.length, 3, 'a daemon that is not well lets it run out');
  notify.stopping();
  t.equal(timers[2]?.isCancelled, true);
  t.equal(sent.at(-1), 'STOPPING=1');
});

t.test('without systemd, or for another process, nothing is sent or timed', async (t) => {
  const fail = () => t.fail('was called');
  const silent = notifier({ env: {}, after: () => ({ cancel: fail }), send: fail });
  silent.ready();
  silent.stopping();
  const sent: string[] = [];
  const env = { NOTIFY_SOCKET: '/s', WATCHDOG_USEC: '30000000', WATCHDOG_PID: '1' };
  const after = () => {
    t.fail('another process beats');
    return { cancel() {} };
  };
  notifier({ env, after, send: (assignments) => void sent.push(...assignments) }).ready();
  t.same(sent, ['READY=1']);
});

t.test('systemd-notify sends a message to the socket that systemd names', async (t) => {
  // The path of a socket has at most 107 bytes.
  const directory = mkdtempSync('/tmp/rn-');
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const socket = join(directory, 's');
  const receiver = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); print("up", flush=True)
while True:
  print(s.recv(4096).decode(), flush=True)`;
  const child = execFile('python3', ['-c', receiver, socket]);
  t.teardown(() => child.kill());
  const lines: string[] = [];
  const received = new Promise<void>((resolve, reject) => {
    child.on('exit', () => reject(new Error('the receiver ended')));
    child.stdout?.on('data', (chunk: string) => {
      lines.push(...chunk.trim().split('\n'));
      if (lines.length === 1) notifier({ env: { PATH: process.env.PATH, NOTIFY_SOCKET: socket }, after: () => ({ cancel() {} }) }).ready();
      if (lines.some((line) => line.includes('READY=1'))) resolve();
    });
  });
  await t.resolves(received);
});
