/**
 * The stock image of workstations, made with packages from Debian's mirror when it is first asked for, on a host with
 * a Docker of its own. What is installed and written in it outlives suspension, the engine, its clean-up and the host's power.
 */
import t from 'tap';
import { z } from 'zod';
import { pause } from '../../seams/clock.ts';
import { systemClock } from '../../seams/system.ts';
import { expect, type Rest } from '../cluster/rest.ts';
import { WHEEL, WHEEL_NAME } from '../host/wheel.ts';
import { startRack } from '../hosts/rack.ts';
import { openUplink } from '../hosts/uplink.ts';
import { changeStyle, DEV_PORT, Page, startDevServer } from './dev-server.ts';

const MIB = 2 ** 20;
const TOOLS = ['bash', 'git', 'curl', 'gcc', 'make', 'node', 'npm', 'python3', 'pip', 'sudo', 'vim', 'tmux', 'top'];
/** In every directory of the root that a program can write to. */
const WRITTEN = '/usr/w /usr/local/bin/w /etc/w /var/lib/w /opt/w /srv/w /root/w /home/w /home/user/w /mnt/w /code/w /session/workspace/w';

const ran = z.object({ exit_code: z.number().nullable(), stdout: z.string(), stderr: z.string() });
const session = z.looseObject({
  state: z.string(),
  settled: z.boolean(),
  waiting_reason: z.string().nullable(),
  termination_reason: z.string().nullable(),
});

/** Runs commands in a session, as `user` unless another is named. */
const commandsIn =
  (rest: Rest, id: string) =>
  async (command: string, user = 'user') =>
    ran.parse((await rest.call('POST', `/sessions/${id}/exec`, { argv: ['bash', '-lc', command], user, timeout_ms: 280_000 })).body);

t.setTimeout(1_800_000);
t.test('a workstation on the stock image keeps what was installed and written anywhere', async (t) => {
  const settings = Object.entries(process.env).filter(([name]) => name.startsWith('RAWORC_BUILD_') || name === 'RAWORC_ALLOW_EGRESS');
  const env = Object.fromEntries(settings) as Record<string, string>;
  const rack = await startRack(t, {
    hosts: { ann: { env, memoryBytes: 6 * 2 ** 30, cpuMillis: 4000 } },
    env: { RAWORC_DEFAULT_PROFILES: 'locked,workstation' },
  });
  await openUplink(t, rack.place.network);
  const { rest } = rack;
  const ann = rack.host('ann');

  const began = performance.now();
  const { id } = z.object({ id: z.string() }).parse((await rest.call('POST', '/sessions', { profile: 'workstation' })).body);
  const look = async () => session.parse((await rest.call('GET', `/sessions/${id}`)).body);
  const untilState = async (state: string) => {
    for (;;) {
      const now = await look();
      if (now.state === state && now.settled) return;
      if (now.state === 'error') throw new Error(String(now.termination_reason));
      await pause(systemClock, 200);
    }
  };
  const reasons = new Set<string>();
  for (;;) {
    const { state, waiting_reason, termination_reason } = await look();
    if (waiting_reason !== null) reasons.add(waiting_reason);
    if (state === 'idle') break;
    if (state === 'error') throw new Error(String(termination_reason));
    await pause(systemClock, 500);
  }
  t.comment(`the image and the first session: ${((performance.now() - began) / 1000).toFixed(0)} s`);
  t.match([...reasons].join('\n'), /lacks the image raworc\/workstation:/, 'it waits with a reason');

  const run = commandsIn(rest, id);
  const ok = async (what: string, command: string, expected: RegExp | string = /^/, user?: string) => {
    const { exit_code: code, stdout, stderr } = await run(command, user);
    if (code !== 0) t.comment(`${what} ended with ${code}:\n${stdout.slice(-2000)}\n${stderr.slice(-2000)}`);
    t.match({ code, stdout }, { code: 0, stdout: expected }, what);
  };
  await ok('the tools are there', `for tool in ${TOOLS.join(' ')}; do command -v $tool || exit 1; done`);
  await ok('sudo asks for nothing', 'id -un; sudo id -u; sudo -u user id -un', 'user\n0\nuser\n');
  await ok('apt', 'sudo apt-get update -q && sudo apt-get install -y -q --no-install-recommends hello && hello', /Hello, world!\n$/);
  const wheel = await rest.send(
    'PUT',
    `/sessions/${id}/files?path=/home/user/${WHEEL_NAME}`,
    new Uint8Array(WHEEL),
    'application/octet-stream',
  );
  t.match(wheel, { status: 200 });
  const greet = "import greeting; print(greeting.greet('pip'))";
  await ok('a virtual environment', `python3 -m venv ~/venv && ~/venv/bin/pip install -q --no-index ~/${WHEEL_NAME}`);
  await ok('packages of the user', `pip install -q --no-index --user ~/${WHEEL_NAME} && python3 -c "${greet}"`, /^Hello pip\n/);
  await ok(
    'npm',
    'mkdir -p /code/p && cd /code/p && npm init -y && npm install --no-audit ms@2.1.3 && sudo npm install -g --no-audit semver@7',
  );
  await ok(
    'files anywhere',
    `for f in ${WRITTEN}; do sudo sh -c "echo $f > $f" || exit 1; done; sudo rm -r /usr/share/doc/bash; sudo useradd -m other`,
  );

  const server = await startDevServer(rest, id);
  const page = new Page(`${rack.head.url}/api/v0/sessions/${id}/ports/${DEV_PORT}`, rest.token);
  t.teardown(() => page.close());
  t.match(await page.open(), /<div id="app">/, 'a page of a new project');
  await changeStyle(rest, id, 'body { color: green }');
  t.match(
    JSON.parse(await page.until(/"type":"update"/)),
    { updates: [{ path: '/src/style.css' }] },
    'learns of a change without a reload',
  );
  page.close();
  expect(await rest.call('DELETE', `/sessions/${id}/processes/${server}`), 204, 'end the server');

  const kept = async (after: string) => {
    const own = `hello && ~/venv/bin/python -c "${greet}" && python3 -c "${greet}" && semver 1.0.0 && node -e "console.log(require('/code/p/node_modules/ms')('1s'))"`;
    await ok(`what was installed is there after ${after}`, own, 'Hello, world!\nHello pip\nHello pip\n1.0.0\n1000\n');
    const expected = `${WRITTEN.replaceAll(' ', '\n')}\nother\nls: cannot access '/usr/share/doc/bash': No such file or directory\n`;
    await ok(
      `and what was written, after ${after}`,
      `cat ${WRITTEN}; id -un other; ls -d /usr/share/doc/bash 2>&1; true`,
      expected,
      'root',
    );
  };
  const resumed = async () => t.match(await rest.call('POST', `/sessions/${id}/resume?wait=120s`), { body: { state: 'idle' } });
  const suspended = async () => {
    expect(await rest.call('POST', `/sessions/${id}/suspend`), 200, 'suspend');
    await untilState('suspended');
  };
  const layers = async () => (await ann.docker('image', 'ls', '-aq')).split('\n').length;
  const savedBytes = async () => Number((await ann.machine.run('du', '-sB1', `/var/lib/raworc/disks/${id}`)).split('\t')[0]);
  await suspended();
  await resumed();
  await kept('a suspension');
  const [layersBefore, bytesBefore] = [await layers(), await savedBytes()];
  for (let again = 0; again < 3; again += 1) {
    await suspended();
    await resumed();
  }
  t.equal(await layers(), layersBefore, 'being saved again adds no layer');
  const grown = (await savedBytes()) - bytesBefore;
  t.ok(grown < 2 * MIB, `nor copies: ${Math.round(grown / 1024)} KiB more on its disk`);
  t.match(await ann.docker('ps', '-s', '--format', '{{.Size}}'), /^0B/, 'and nothing is in the container itself');

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await ok('a program of before', 'sudo touch /run/mark');
    await ann.engine.end(signal);
    await ann.startEngine();
    // A new start of the container has another /run. Commands wait until it is up.
    for (;;) {
      const { body } = await rest.call('POST', `/sessions/${id}/exec`, { argv: ['test', '-e', '/run/mark'] });
      if (ran.safeParse(body).data?.exit_code === 1) break;
      await pause(systemClock, 500);
    }
    await kept(`the engine's end by ${signal}`);
  }

  await ann.docker('system', 'prune', '-af', '--volumes');
  await kept('a clean-up of the engine while it runs');
  await suspended();
  // A container that is just being removed still holds its image.
  do await ann.docker('system', 'prune', '-af', '--volumes');
  while ((await ann.docker('image', 'ls', '-q', 'raworc_workstation_shell')) !== '');
  t.equal(await ann.docker('ps', '-aq'), '', 'no container keeps anything');
  await resumed();
  await kept('a clean-up of the engine while it was suspended');

  await ok('what is on its disk', 'sync; sudo sync');
  await ann.powerOff();
  await ann.boot();
  await ann.startAgent();
  await rack.untilReady();
  await untilState('idle');
  await kept('the power of its host failed');

  const input = { profile: 'workstation', resources: { limits: { disk_bytes: 256 * MIB } } };
  const small = z.object({ id: z.string(), state: z.string() }).parse((await rest.call('POST', '/sessions?wait=120s', input)).body);
  t.equal(small.state, 'idle', 'the next session has the image');
  const inSmall = commandsIn(rest, small.id);
  t.match(await inSmall('dd if=/dev/zero of=/home/user/big bs=1M count=150'), { exit_code: 0 });
  const both = await inSmall('dd if=/dev/zero of=/session/workspace/big bs=1M count=150 2>&1');
  t.match(both, { exit_code: 1, stdout: /No space left on device/ }, 'the root and /session have one limit');
  t.match(
    await inSmall('sudo dd if=/dev/zero of=/var/big bs=1M count=150 2>&1'),
    { exit_code: 1, stdout: /No space left/ },
    'also for root',
  );
  t.match(await inSmall('rm /home/user/big; dd if=/dev/zero of=/session/workspace/big bs=1M count=150'), { exit_code: 0 });
});
