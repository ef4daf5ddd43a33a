/** The lines of docs/run-a-cluster.md and docs/operate.md on machines whose first process is a real systemd. */
import { execFile } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { z } from 'zod';
import { guardText } from '../../../systemd/upgrade/guard.ts';
import { sessionImage } from '../../cluster/docker.ts';
import { removeGroup, thaw } from '../cgroups.ts';
import { Machine } from '../machine.ts';
import { installPackage, Operator } from '../operator.ts';
import { openPlace } from '../rack.ts';
import { sharedDirectory } from '../sweep.ts';
import { SHARED, SYSTEMD, systemdGroup } from '../systemd.ts';

const run = promisify(execFile);
const STATE = '/var/lib/raworc-controller';
const EXAMPLE = join(import.meta.dirname, '../../../examples/hello-python');
const WITHIN_MS = 120_000;

/** Packs the installed package again, as another version whose files can differ. Returns where machines see the tarball. */
async function repack(directory: string, version: string, files: Readonly<Record<string, string>> = {}): Promise<string> {
  const place = join(directory, version);
  mkdirSync(place);
  const [tarball = ''] = (await run('sh', ['-c', `ls ${directory}/raworc-*.tgz`])).stdout.split('\n');
  await run('tar', ['xzf', tarball, '-C', place]);
  for (const name of ['package/package.json', 'package/dist/package.json']) {
    const known = z.looseObject({ version: z.string() }).parse(JSON.parse(readFileSync(join(place, name), 'utf8')));
    writeFileSync(join(place, name), JSON.stringify({ ...known, version }));
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(place, 'package', name), text);
  await run('tar', ['czf', join(directory, `${version}.tgz`), '-C', place, 'package']);
  return `${SHARED}/${version}.tgz`;
}

t.setTimeout(900_000);
const skip = existsSync('/lib/systemd/systemd') ? false : 'systemd is not installed';
t.test('both daemons as services of a real systemd', { skip }, async (t) => {
  const place = await openPlace(t);
  const shared = sharedDirectory(place.directory);
  const image = await sessionImage();
  await installPackage(shared);
  const [head, ann] = ['head', 'ann'].map((name) => new Machine(name, join(place.directory, name), SYSTEMD));
  if (head === undefined || ann === undefined) throw new Error('two machines');
  const { stdout: cache } = await run('npm', ['config', 'get', 'cache']);
  const operator = new Operator(`${SHARED}/prefix/bin`, { npm_config_cache: cache.trim(), npm_config_offline: 'true' });
  const on = (machine: Machine, line: string) => operator.silently(machine, line);
  const raworc = (line: string) => on(head, `raworc ${line}`);
  t.teardown(async () => {
    for (const machine of [head, ann]) {
      if (machine.pid > 0 && !t.passing()) t.comment(await on(machine, 'journalctl --no-pager -n 60 -o cat').catch(String));
      thaw(systemdGroup(machine.directory));
      await machine.powerOff();
      await removeGroup(systemdGroup(machine.directory));
    }
  });
  const until = async (what: string, holds: () => Promise<boolean>) => {
    const endsAt = performance.now() + WITHIN_MS;
    while (!(await holds())) {
      if (performance.now() > endsAt) throw new Error(`waited in vain for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };
  const boot = async (machine: Machine, number: number) => {
    await machine.start();
    await place.network.connect(machine, number);
    await until(`${machine.name} to be up`, async () => /running|degraded/.test(await on(machine, 'systemctl is-system-running || true')));
  };
  for (const [at, machine] of [head, ann].entries()) await boot(machine, at + 1);
  const stateOf = async (machine: Machine, unit: string) => {
    const shown = await on(machine, `systemctl show -p MainPID,NRestarts,ActiveState,StatusText ${unit}`);
    const property = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(shown)?.[1] ?? '';
    return {
      pid: Number(property('MainPID')),
      restarts: Number(property('NRestarts')),
      state: property('ActiveState'),
      status: property('StatusText'),
    };
  };
  const restarted = (machine: Machine, unit: string, times: number) =>
    until(`${unit} to be restarted`, async () => {
      const { restarts, state } = await stateOf(machine, unit);
      return restarts >= times && state === 'active';
    });
  const containers = () => on(ann, 'docker ps -q --no-trunc');

  await t.test('the controller and a host are installed by the lines of the page', async (t) => {
    mkdirSync(head.path('/etc/raworc'));
    const file = [
      `data_dir = "${STATE}"`,
      'node_host = "0.0.0.0"',
      `advertise = ["${place.network.address(1)}"]`,
      `base_image_tag = "${image}"`,
      'metrics_token_file = "/etc/raworc/metrics-token"',
    ];
    writeFileSync(head.path('/etc/raworc/controller.toml'), file.join('\n'));
    writeFileSync(head.path('/etc/raworc/metrics-token'), 'a-token-of-metrics-0123456789', { mode: 0o600 });
    t.match(await on(head, 'raworc-controller install'), /The controller runs/);
    await raworc(`login --password-file ${STATE}/controller/admin-password`);
    const scrape = (token: string) =>
      on(head, `curl -s -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer ${token}' http://127.0.0.1:9000/metrics`);
    t.equal(await scrape('a-token-of-metrics-0123456789'), '200', 'a secret that systemd hands to it');
    t.equal(await scrape('another'), '401');
    await on(ann, 'systemctl start docker');
    await run('docker', ['save', '-o', join(shared, 'image.tar'), image]);
    await on(ann, `docker load -q -i ${SHARED}/image.tar`);
    const line = await raworc('node token');
    t.match(await on(ann, line), /joined as ann[\s\S]* runs and is connected to the controller/);
    t.match(await raworc('node list'), /^ann +ready/m);
    await raworc(`agent deploy ${EXAMPLE}`);
    await raworc('session new --name one');
    t.match(await raworc('chat one hello'), /You said: hello/);
    t.match(await on(ann, await raworc('node token')), /joined as ann/, 'it joins again while its service runs');
    t.match(await raworc('chat one again'), /You said: again/);
  });

  const before = await containers();
  await t.test('a node agent that is killed or stopped is started again, and leaves containers alone', async (t) => {
    t.not(before, '');
    const { restarts, pid } = await stateOf(ann, 'raworc-node-agent');
    await on(ann, `kill -KILL ${pid}`);
    await restarted(ann, 'raworc-node-agent', restarts + 1);
    await on(ann, `kill -STOP ${(await stateOf(ann, 'raworc-node-agent')).pid}`);
    await restarted(ann, 'raworc-node-agent', restarts + 2);
    t.equal(await containers(), before);
    t.match(await raworc('chat one awake'), /You said: awake/);
  });

  await t.test('a version that hangs or ends at its start is switched back, and another one stays', async (t) => {
    const hung = await repack(shared, '9.1.0', { 'dist/node-agent/main.js': 'setInterval(() => {}, 1000);' });
    const broken = await repack(shared, '9.2.0', { 'dist/controller/main.js': 'process.exit(1);' });
    const next = await repack(shared, '9.3.0');
    await t.rejects(on(ann, `raworc-node-agent upgrade ${hung} --within 8`), /did not become healthy, so .* runs again/);
    await t.rejects(on(head, `raworc-controller upgrade ${broken} --within 8`), /did not become healthy, so .* runs again/);
    t.match(await raworc('chat one back'), /You said: back/);
    t.match(await on(ann, `raworc-node-agent upgrade ${next}`), /9\.3\.0 runs/);
    t.match(await on(head, `raworc-controller upgrade ${next}`), /9\.3\.0 runs/);
    t.match(await raworc('node list'), /^ann +ready .*9\.3\.0/m);
    t.equal(await containers(), before);
    t.match(await raworc('chat one on'), /You said: on/);
  });

  await t.test('an upgrade that is killed goes on by itself, and one that a power cut ends at the next boot', async (t) => {
    const programs = '/usr/local/lib/raworc';
    const interrupted = async (
      machine: Machine,
      daemon: 'node-agent' | 'controller',
      version: string,
      interrupt: () => Promise<unknown>,
    ) => {
      const record = () => machine.path(`${programs}/${daemon}.upgrade.json`);
      const before = await on(machine, `readlink ${programs}/${daemon}`);
      const bad = await repack(shared, version, { [`dist/${daemon}/main.js`]: 'setInterval(() => {}, 1000);' });
      const upgrading = on(machine, `raworc-${daemon} upgrade ${bad} --within 8`).then(String, String);
      await until('the restart', async () => existsSync(record()) && readFileSync(record(), 'utf8').includes('"restart"'));
      // No program of the machine is asked: on a busy one, the upgrade would end meanwhile.
      const wanted = machine.path(`/etc/systemd/system/multi-user.target.wants/raworc-${daemon}-upgrade.service`);
      t.ok(lstatSync(wanted).isSymbolicLink(), 'it starts also after a power cut');
      t.match(readlinkSync(machine.path(`${programs}/${daemon}`)), version);
      await interrupt();
      await upgrading;
      await until('the upgrade to end', async () => !existsSync(record()));
      t.equal(await on(machine, `readlink ${programs}/${daemon}`), before);
      await until('its guard to be gone', async () => !existsSync(machine.path(`/etc/systemd/system/raworc-${daemon}-upgrade.service`)));
      t.match(await on(machine, `journalctl -u raworc-${daemon}-upgrade --no-pager -o cat`), /did not become healthy, so .* runs again/);
    };
    await interrupted(ann, 'node-agent', '9.4.0', () => on(ann, "kill -KILL $(pgrep -f 'upgrade[.]js.*--within')"));
    t.match(await raworc('chat one goes-on'), /You said: goes-on/);
    t.equal(await containers(), before);
    await interrupted(head, 'controller', '9.5.0', async () => {
      // Nothing notices a power cut. Here, systemd ends some time before the others.
      await on(head, "kill -STOP $(pgrep -f 'upgrade[.]js')");
      thaw(systemdGroup(head.directory));
      await head.powerOff();
      await removeGroup(systemdGroup(head.directory));
      await boot(head, 1);
      // This machine does not boot to the target that wants them.
      await on(head, 'systemctl start --no-block raworc-controller raworc-controller-upgrade');
    });
    await raworc(`login --password-file ${STATE}/controller/admin-password`);
    t.match(await raworc('chat one booted'), /You said: booted/);
  });

  await t.test('what would continue an upgrade says that its own version is gone, and is not started again', async (t) => {
    const unit = 'raworc-node-agent-upgrade';
    const file = ann.path(`/etc/systemd/system/${unit}.service`);
    writeFileSync(file, guardText('node-agent', '/bin/sh', '/usr/local/lib/raworc/versions/gone/upgrade.js'));
    await on(ann, `systemctl daemon-reload; systemctl start ${unit}`);
    const said = /gone\/upgrade\.js is missing.*Run: raworc-node-agent upgrade/;
    await until('its last word', async () => said.test(await on(ann, `journalctl -u ${unit} --no-pager -o cat`)));
    t.match(await stateOf(ann, unit), { state: 'inactive', restarts: 0 });
    rmSync(file);
    await on(ann, 'systemctl daemon-reload');
  });

  await t.test('a controller whose node port hangs is restarted, and one that hangs as a whole', async (t) => {
    mkdirSync(head.path('/etc/systemd/system/raworc-controller.service.d'));
    writeFileSync(head.path('/etc/systemd/system/raworc-controller.service.d/short.conf'), '[Service]\nWatchdogSec=6\n');
    await on(head, 'systemctl daemon-reload; systemctl restart raworc-controller');
    await on(head, `kill -STOP ${(await stateOf(head, 'raworc-controller')).pid}`);
    await restarted(head, 'raworc-controller', 1);
    const own = 'INPUT -i lo -p tcp --dport 9400 -j DROP';
    // The first check begins when the controller is ready, and has passed once a node could connect.
    await until('ann to be ready', async () => /^ann +ready/m.test(await raworc('node list')));
    await on(head, `iptables -I ${own}`);
    await restarted(head, 'raworc-controller', 2);
    await on(head, `iptables -D ${own}`);
    t.match(await on(head, 'journalctl -u raworc-controller --no-pager -o cat'), /link\.check_failed/);
    t.match(await raworc('chat one there'), /You said: there/);
  });

  await t.test('both are uninstalled', async (t) => {
    t.match(await on(ann, 'raworc-node-agent uninstall'), /stopped/);
    t.match(await on(head, 'raworc-controller uninstall'), /data stays/);
    t.equal((await stateOf(head, 'raworc-controller')).state, 'inactive');
  });
});
