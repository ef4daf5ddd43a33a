/** Lines of docs/run-a-cluster.md and docs/operate.md that an operator types on a cluster that runs, and what a new one does wrong. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { sessionImage } from '../../cluster/docker.ts';
import { Host } from '../host.ts';
import { loadImage } from '../images.ts';
import { Machine } from '../machine.ts';
import { installPackage, Operator } from '../operator.ts';
import { openPlace } from '../rack.ts';
import { sharedDirectory } from '../sweep.ts';

const STATE = '/var/lib/raworc-controller';
const EXAMPLE = join(import.meta.dirname, '../../../examples/hello-python');
const COMES_WITHIN_MS = 120_000;

t.setTimeout(900_000);
t.test('what an operator types on a cluster that runs', async (t) => {
  const place = await openPlace(t);
  const operator = new Operator(await installPackage(sharedDirectory(place.directory)));
  const image = await sessionImage();
  const head = new Machine('head', join(place.directory, 'head'));
  const ann = new Host('ann', place, 11, {});
  t.teardown(() => Promise.all([head, ann].map((machine) => machine.powerOff())));
  await Promise.all([head.start().then(() => place.network.connect(head, 1)), ann.boot().then(() => loadImage(image, ann))]);
  const address = place.network.address(1);
  const on = (line: string) => operator.silently(head, line);
  const raworc = (line: string) => on(`raworc ${line}`);
  const until = async (what: string, holds: () => Promise<boolean>) => {
    const endsAt = performance.now() + COMES_WITHIN_MS;
    while (!(await holds())) {
      if (performance.now() > endsAt) throw new Error(`waited in vain for ${what}`);
      await new Promise<void>((done) => setTimeout(done, 200));
    }
  };
  const serve = () => operator.supervise(head, 'controller', 'raworc-controller serve');
  const health = async () =>
    JSON.stringify(JSON.parse(await on(`curl -s --cacert /etc/raworc/ca.pem https://${address}:9000/api/v0/health`)));

  mkdirSync(head.path('/etc/raworc'));
  const certificate = (name: string) =>
    on(
      `cd /etc/raworc && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj /CN=${name} -addext subjectAltName=IP:${address} -keyout ${name}.key -out ${name}.pem 2>/dev/null`,
    );
  await certificate('first');
  await certificate('second');
  for (const [from, to] of [
    ['first.pem', 'ca.pem'],
    ['first.pem', 'served.pem'],
    ['first.key', 'served.key'],
  ] as const)
    copyFileSync(head.path(`/etc/raworc/${from}`), head.path(`/etc/raworc/${to}`));
  const settings = [
    `data_dir = "${STATE}"`,
    'node_host = "0.0.0.0"',
    `advertise = ["${address}"]`,
    `base_image_tag = "${image}"`,
    'http_host = "0.0.0.0"',
  ];
  const configure = (...more: readonly string[]) =>
    writeFileSync(head.path('/etc/raworc/controller.toml'), [...settings, ...more].join('\n'));
  const tls = ['tls_cert_file = "/etc/raworc/served.pem"', 'tls_key_file = "/etc/raworc/served.key"'];

  await t.test('a controller says what is wrong with its settings', async (t) => {
    configure();
    await t.rejects(on('raworc-controller serve 2>&1'), 'plain HTTP beyond loopback');
    t.match(await on('raworc-controller serve 2>&1 || true'), /HTTP_ALLOW_PLAIN/);
    configure(...tls, 'htp_port = 1');
    t.match(await on('raworc-controller serve 2>&1 || true'), /htp_port.*http_port/s);
    configure(...tls, 'nats_url = "nats://127.0.0.1:4999"');
  });

  let controller = serve();
  await controller.child.untilEvent('controller.ready', COMES_WITHIN_MS);
  t.teardown(() => {
    if (!t.passing()) t.comment(controller.child.lines.slice(-30).join('\n'));
  });
  const login = () =>
    raworc(`login --url https://${address}:9000 --ca /etc/raworc/ca.pem --password-file ${STATE}/controller/admin-password`);

  await t.test('REST over TLS with a CA of its own, and a second controller on the same data', async (t) => {
    await t.rejects(raworc(`login --url https://${address}:9000 --password-file ${STATE}/controller/admin-password`), /certificate/);
    await login();
    t.match(await health(), /"bus":1/, 'nats-server is away, and it serves');
    t.match(await on('raworc-controller serve 2>&1 || true'), /another controller runs on/);
  });

  await t.test('a host joins and serves', async (t) => {
    const printed = await operator.silently(ann.machine, await raworc('node token'));
    const command = printed.split('\n').findLast((one) => one.startsWith('raworc-node-agent run')) ?? '';
    await operator.supervise(ann.machine, 'node agent', command).child.untilEvent('node.ready', COMES_WITHIN_MS);
    t.match(await operator.silently(ann.machine, 'raworc-node-agent doctor'), /✓|!/);
    await raworc(`agent deploy ${EXAMPLE}`);
    await raworc('session new --name one');
    t.match(await raworc('chat one hello'), /You said: hello/);
  });

  await t.test('labels and rules choose nodes', async (t) => {
    await raworc('node label ann gpu=a100 zone=a');
    await raworc('session new --name two --constraint gpu --constraint zone=a,b');
    const refused = await on(`raworc session new --constraint '!gpu' --prefer zone=a:80 2>&1 || true`);
    t.match(refused, /ann/);
    await raworc('space new team-a');
    await raworc('space schedule team-a --constraint zone=a,b --prefer disk=nvme:80 --strategy pack --anti-affinity preferred');
    t.match(await raworc('space schedule team-a'), /zone/);
    await raworc('space schedule team-a --clear');
    t.notMatch(await raworc('space schedule team-a'), /zone/);
  });

  await t.test('a certificate that does not fit its key is noticed, and one that does is taken without a restart', async (t) => {
    copyFileSync(head.path('/etc/raworc/second.pem'), head.path('/etc/raworc/served.pem'));
    await controller.child.untilEvent('http.certificate_refused', COMES_WITHIN_MS);
    t.match(await health(), /"certificate":1/);
    copyFileSync(head.path('/etc/raworc/second.key'), head.path('/etc/raworc/served.key'));
    copyFileSync(head.path('/etc/raworc/second.pem'), head.path('/etc/raworc/ca.pem'));
    await until('the new certificate', () =>
      health().then(
        (text) => !text.includes('"certificate":1'),
        () => false,
      ),
    );
    await login();
    t.match(await raworc('chat one renewed'), /You said: renewed/);
  });

  await t.test('keys and the CA of nodes are replaced while everything runs', async (t) => {
    await on('raworc-controller rotate');
    await on('raworc-controller rotate --ca');
    await controller.child.untilEvent('authority.rotated', COMES_WITHIN_MS);
    await login();
    t.match(await raworc('node list'), /^ann +ready/m);
    t.match(await raworc('chat one rotated'), /You said: rotated/);
  });

  await t.test('a backup is restored, and sessions go on', async (t) => {
    t.match(await on('raworc-controller backup /var/lib/raworc.backup'), /checked/);
    await t.rejects(on('raworc-controller backup /var/lib/raworc.backup'), /exists/);
    t.match(await on('raworc-controller restore /var/lib/raworc.backup --force 2>&1 || true'), /running/);
    await controller.end('SIGTERM');
    t.match(await on('raworc-controller restore /var/lib/raworc.backup 2>&1 || true'), /not empty/);
    t.match(await on('raworc-controller restore /var/lib/raworc.backup --force'), /epoch/);
    controller = serve();
    await controller.child.untilEvent('controller.ready', COMES_WITHIN_MS);
    await login();
    await until('ann to be ready', async () => /^ann +ready/m.test(await raworc('node list')));
    t.match(await raworc('chat one restored'), /You said: restored/);
  });

  await t.test('a Docker that hangs is shown, and is well again by itself', async (t) => {
    ann.engine.stop();
    await until('the condition', async () => (await raworc('node get ann')).includes('EngineHung'));
    ann.engine.continue();
    await until('ann to be ready', async () => /^ann +ready/m.test(await raworc('node list')));
    t.match(await raworc('chat one awake'), /You said: awake/);
  });
});
