import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { openRegistryListener } from '../../../../node-agent/images/registry-listener.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { silentLog } from '../../controller/grpc/wire-rig.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;

/** A listener whose registry answers everything, on every address of this host. */
async function opened(t: Test) {
  const asked: string[] = [];
  const registry = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end('an image');
  });
  await new Promise<void>((resolve) => registry.listen(0, '0.0.0.0', resolve));
  const { port } = registry.address() as AddressInfo;
  const listener = await openRegistryListener({
    ...{ random: systemRandom, log: silentLog, metrics: silentMetrics },
    dial: () => connect(port, '127.0.0.1'),
  });
  t.teardown(async () => {
    await listener.close();
    registry.closeAllConnections();
    await new Promise((resolve) => registry.close(resolve));
  });
  return { asked, listener, registryPort: port };
}

const basic = (password: string) => ({ authorization: `Basic ${Buffer.from(`raworc:${password}`).toString('base64')}` });

/** Prints the status of a request, or the code of the error, as another user or elsewhere. */
const ASK = `const [url, authorization] = process.argv.slice(1);
fetch(url, { headers: authorization ? { authorization } : {} }).then(({ status }) => status, ({ cause }) => cause.code).then((it) => console.log(it));`;
async function askedBy(before: readonly string[], url: string, authorization = ''): Promise<string> {
  const [program = '', ...rest] = [...before, process.execPath, '-e', ASK, '--', url, authorization];
  return (await run(program, rest)).stdout.trim();
}

t.test('only who has the password of the moment reaches the registry', async (t) => {
  const { asked, listener } = await opened(t);
  const url = `http://${listener.host}/v2/raworc/spaces/x/manifests/latest`;
  const { password } = listener.login;
  const [first = ''] = password;
  const guesses = ['', password.slice(1), `${password}x`, `${first === 'a' ? 'b' : 'a'}${password.slice(1)}`];
  t.equal((await fetch(url)).status, 401);
  for (const guess of guesses) t.equal((await fetch(url, { headers: basic(guess) })).status, 401, guess);
  t.same(asked, [], 'the registry hears none of them');
  const answer = await fetch(url, { headers: basic(password) });
  t.same([answer.status, await answer.text()], [200, 'an image'], 'with the password');
  t.equal(asked.length, 1);
});

t.test('another user of the host is refused, and finds no password in the process', async (t) => {
  if (!isRoot) return t.comment('only as root');
  const { asked, listener } = await opened(t);
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
  const url = `http://${listener.host}/v2/`;
  t.equal(await askedBy(nobody, url), '401');
  const { stdout } = await run('setpriv', [...nobody.slice(1), 'cat', `/proc/${process.pid}/cmdline`]);
  t.ok(stdout.includes('node') && !stdout.includes(listener.login.password), 'its arguments');
  await t.rejects(run('setpriv', [...nobody.slice(1), 'cat', `/proc/${process.pid}/environ`]), { message: /Permission denied/ });
  t.same(asked, []);
  t.equal(await askedBy(nobody, url, basic(listener.login.password).authorization), '200', 'with the password');
});

t.test('another network namespace, as of a session, cannot reach the listener at any address of the host', async (t) => {
  if (!isRoot) return t.comment('only as root');
  const { listener, registryPort } = await opened(t);
  const inside = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && echo ready && exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // Its end removes both ends of the link.
  t.teardown(() => inside.kill('SIGKILL'));
  await once(inside.stdout, 'data');
  const enter = ['nsenter', `--net=/proc/${inside.pid}/ns/net`, '--'];
  const [outer, inner] = ['rwlisten0', 'rwlisten1'];
  await run('ip', ['link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', String(inside.pid)]);
  await run('ip', ['addr', 'add', '10.231.77.1/30', 'dev', outer]);
  await run('ip', ['link', 'set', outer, 'up']);
  await run('nsenter', [...enter.slice(1), 'ip', 'addr', 'add', '10.231.77.2/30', 'dev', inner]);
  await run('nsenter', [...enter.slice(1), 'ip', 'link', 'set', inner, 'up']);
  t.equal(await askedBy(enter, `http://10.231.77.1:${registryPort}/`), '200', 'the host answers there');
  const { authorization } = basic(listener.login.password);
  const port = listener.host.split(':')[1];
  for (const address of ['10.231.77.1', '127.0.0.1'])
    t.match(await askedBy(enter, `http://${address}:${port}/v2/`, authorization), /^E[A-Z]+$/, `${address}, even with the password`);
});
