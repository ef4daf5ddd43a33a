/** Commands and terminals of E2B's SDKs, unmodified, in containers. */
import t from 'tap';
import { loadSdk, type SdkVersion } from '../sdks.ts';
import { startSandboxes } from './sandboxes.ts';

t.setTimeout(600_000);
const { template } = await startSandboxes(t);

/** Collects text, and resolves once it matches. */
function collector() {
  let all = '';
  let look = () => {};
  return {
    add(piece: string | Uint8Array) {
      all += typeof piece === 'string' ? piece : new TextDecoder().decode(piece);
      look();
    },
    until: (pattern: RegExp) =>
      new Promise<string>((resolve) => {
        look = () => {
          if (pattern.test(all)) resolve(all);
        };
        look();
      }),
  };
}

for (const version of ['first', 'second'] satisfies SdkVersion[]) {
  const load = await loadSdk(version);
  const { Sandbox, AuthenticationError, CommandExitError, InvalidArgumentError, NotFoundError, TimeoutError } = load('e2b');
  const sandbox = await Sandbox.create(template, { envs: { OF_ALL: 'all', OVER: 'sandbox' } });
  const { commands, pty } = sandbox;
  const out = async (command: string, options = {}): Promise<string> => (await commands.run(command, options)).stdout;

  t.test(`${version}: results of commands`, async (t) => {
    t.match(await commands.run('echo out; echo err >&2'), { exitCode: 0, stdout: 'out\n', stderr: 'err\n' });
    const failed = await commands.run('echo before; echo why >&2; exit 3').catch((error: unknown) => error);
    t.ok(failed instanceof CommandExitError);
    t.match(failed, { exitCode: 3, stdout: 'before\n', stderr: 'why\n' });
    t.match(await commands.run('no-such-program').catch((error: unknown) => error), { exitCode: 127, stderr: /not found/ });
    t.match(await commands.run('kill -9 $$').catch((error: unknown) => error), { exitCode: -1, error: 'signal: killed' });
    t.equal(await out('echo "!@#$%^&*()_+"'), '!@#$%^&*()_+\n');
    t.equal((await out('head -c 20000000 /dev/zero | tr "\\0" x')).length, 20_000_000);
    t.equal(await out(`printf '\\360\\237'; sleep 0.1; printf '\\230\\200'`), '😀', 'a character in two pieces');
  });

  t.test(`${version}: users, directories and variables`, async (t) => {
    t.equal(await out('id -un; pwd; echo $HOME $USER'), 'user\n/home/user\n/home/user user\n');
    t.equal(await out('id -un; id -u; echo $HOME', { user: 'root' }), 'root\n0\n/root\n');
    await t.rejects(commands.run('true', { user: 'nobody-here' }), AuthenticationError);
    t.equal(await out('pwd', { cwd: '/tmp' }), '/tmp\n');
    t.equal(await out('mkdir -p ~/below && cd ~/below && pwd'), '/home/user/below\n');
    t.equal(await out('pwd', { cwd: 'below' }), '/home/user/below\n', 'relative to the home');
    await t.rejects(commands.run('true', { cwd: '/no/such' }), InvalidArgumentError);
    t.equal(await out('echo $OF_ALL $OVER $OWN', { envs: { OWN: 'own', OVER: 'command' } }), 'all command own\n');
    t.equal(await out('echo $OVER $OWN'), 'sandbox\n', 'those of a command are its own');
    t.equal(await out('echo $E2B_SANDBOX $E2B_SANDBOX_ID $E2B_TEMPLATE_ID'), `true ${sandbox.sandboxId} ${template}\n`);
    t.notMatch(await out('env'), /TOKEN|SECRET|KEY/);
  });

  t.test(`${version}: output as it comes, and input`, async (t) => {
    const seen = collector();
    const onStdout = seen.add;
    const handle = await commands.run('echo ready; read line; echo "got $line"', { background: true, stdin: true, onStdout });
    await seen.until(/ready\n/);
    await commands.sendStdin(handle.pid, 'a line\n');
    t.match(await handle.wait(), { exitCode: 0, stdout: 'ready\ngot a line\n' });

    const cat = await commands.run('cat', { background: true, stdin: true });
    await commands.sendStdin(cat.pid, '');
    await commands.sendStdin(cat.pid, 'äß😀');
    await commands.closeStdin(cat.pid);
    t.match(await cat.wait(), { exitCode: 0, stdout: 'äß😀' });
    t.equal(await out('cat; echo end'), 'end\n', 'without input, standard input is empty');
    const closed = await commands.run('sleep 1000', { background: true });
    await t.rejects(commands.sendStdin(closed.pid, 'x'), { message: /closed/ });
    await closed.kill();
  });

  t.test(`${version}: background, list, kill, and attaching again`, async (t) => {
    const seen = collector();
    const handle = await commands.run('for i in $(seq 1 10000); do echo tick $i; sleep 0.05; done', { background: true });
    await out(`kill -0 ${handle.pid}`);
    t.match(await commands.list(), [{ pid: handle.pid, cmd: '/bin/bash', args: ['-l', '-c', /^for i in/] }]);
    await handle.disconnect();
    const again = await commands.connect(handle.pid, { onStdout: seen.add });
    await seen.until(/tick \d+\ntick \d+\n/);
    t.equal(await commands.kill(handle.pid), true);
    t.match(await again.wait().catch((error: unknown) => error), { exitCode: -1, error: 'signal: killed' });
    t.match(await commands.run(`kill -0 ${handle.pid}`).catch((error: unknown) => error), { exitCode: 1 }, 'it is gone inside, too');
    t.same([await commands.kill(handle.pid), await commands.list()], [false, []]);
    await t.rejects(commands.connect(4_000_000), NotFoundError);
    const children = await commands.run('sleep 3333 & sleep 3333', { background: true });
    await children.kill();
    const many = await Promise.all(Array.from({ length: 50 }, (_, at) => out(`echo ${at}`)));
    t.same(
      many,
      Array.from({ length: 50 }, (_, at) => `${at}\n`),
    );
  });

  t.test(`${version}: time limits`, async (t) => {
    await t.rejects(commands.run('exec sleep 7777', { timeoutMs: 1000 }), TimeoutError);
    const left = () => out('grep -las "^sleep.7777" /proc/[0-9]*/cmdline || true');
    const handle = await commands.run('exec sleep 7777', { background: true, timeoutMs: 1500 });
    t.not(await left(), '');
    await t.rejects(handle.wait(), TimeoutError);
    while ((await left()) !== '');
    t.same(await commands.list(), []);
    t.match(await commands.run('sleep 1', { timeoutMs: 0 }), { exitCode: 0 }, 'none');
  });

  t.test(`${version}: terminals`, async (t) => {
    const seen = collector();
    const type = (pid: number, text: string) => pty.sendInput(pid, new TextEncoder().encode(text));
    const terminal = await pty.create({ cols: 81, rows: 25, onData: seen.add, envs: { OWN: 'own' }, cwd: '/tmp', timeoutMs: 0 });
    await type(terminal.pid, 'stty size; echo $TERM-$OWN-$OF_ALL-$PWD; tty\n');
    t.match(await seen.until(/\/dev\/pts/), /25 81\r\nxterm-256color-own-all-\/tmp\r\n/);
    await pty.resize(terminal.pid, { cols: 132, rows: 43 });
    await type(terminal.pid, 'stty size\n');
    await seen.until(/43 132\r\n/);
    // Says so itself once it is in the foreground.
    await type(terminal.pid, `sh -c 'echo fore""ground; exec sleep 5555'\n`);
    await seen.until(/foreground\r\n/);
    await type(terminal.pid, '\x03');
    await type(terminal.pid, 'echo inter""rupted\n');
    await seen.until(/interrupted\r\n/);

    await terminal.disconnect();
    const later = collector();
    const again = await pty.connect(terminal.pid, { onData: later.add });
    await type(again.pid, 'echo aga""in\n');
    await later.until(/again\r\n/);
    await type(again.pid, 'exit 4\n');
    t.match(await again.wait().catch((error: unknown) => error), { exitCode: 4 });

    const other = await pty.create({ cols: 80, rows: 24, onData: () => {}, user: 'root' });
    t.same([await pty.kill(other.pid), await pty.kill(other.pid)], [true, false]);
    await t.rejects(other.wait(), { message: /killed/ });
  });

  t.test(`${version}: git`, async (t) => {
    const { git } = sandbox;
    const [bare, at, copy] = ['/tmp/origin.git', '/tmp/work', '/tmp/copy'].map((path) => `${path}-${version}`);
    await git.init(bare, { bare: true, initialBranch: 'main' });
    await git.init(at, { initialBranch: 'main' });
    await sandbox.files.write(`${at}/a.txt`, 'one');
    t.match(await git.status(at), { hasUntracked: true, fileStatus: [{ name: 'a.txt', status: 'untracked' }] });
    await git.add(at);
    await git.commit(at, 'first', { authorName: 'A', authorEmail: 'a@example.com' });
    await git.remoteAdd(at, 'origin', bare);
    await git.push(at, { remote: 'origin', branch: 'main', setUpstream: true });
    await git.clone(bare, { path: copy });
    t.equal(await sandbox.files.read(`${copy}/a.txt`), 'one');
    await git.createBranch(copy, 'other');
    t.match(await git.branches(copy), { currentBranch: 'other', branches: ['main', 'other'] });
    await sandbox.files.write(`${copy}/a.txt`, 'two');
    t.match(await git.status(copy), { isClean: false, fileStatus: [{ name: 'a.txt', status: 'modified' }] });
    await git.restore(copy, { paths: ['a.txt'] });
    t.match(await git.status(copy), { isClean: true, currentBranch: 'other' });
    await git.configureUser('B', 'b@example.com');
    t.equal(await git.getConfig('user.name'), 'B');
  });

  t.test(`${version}: a command ends with its sandbox`, async (t) => {
    const handle = await commands.run('sleep 1000', { background: true });
    const terminal = await pty.create({ cols: 80, rows: 24, onData: () => {} });
    await sandbox.kill();
    for (const one of [handle, terminal]) await t.rejects(one.wait(), { message: /sandbox was killed or reached its end of life/ });
    await t.rejects(commands.run('true'), { message: /not found|not running|killed/i });
  });
}
