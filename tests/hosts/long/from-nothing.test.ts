/** The lines of docs/run-a-cluster.md on bare machines. Prints what it measures. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { sessionImage } from '../../cluster/docker.ts';
import type { Child } from '../../cluster/processes.ts';
import { Host } from '../host.ts';
import { loadImage } from '../images.ts';
import { Machine } from '../machine.ts';
import { installPackage, Operator } from '../operator.ts';
import { openPlace } from '../rack.ts';
import { sharedDirectory } from '../sweep.ts';

const STATE = '/var/lib/raworc-controller';
const EXAMPLE = join(import.meta.dirname, '../../../examples/hello-python');
/** The bounds are for a quiet machine. A busy one must not fail, and a wrong order of magnitude must. */
const PATIENCE = 4;
const JOINED_WITHIN_S = 60;
const SERVES_WITHIN_S = 10;
const SESSIONS = 60;
const AT_ONCE = 6;
const COMES_WITHIN_MS = 120_000;

t.setTimeout(900_000);
t.test('from nothing to a cluster', async (t) => {
  const place = await openPlace(t);
  const operator = new Operator(await installPackage(sharedDirectory(place.directory)));
  const image = await sessionImage();
  const head = new Machine('head', join(place.directory, 'head'));
  const [ann, ben, cem, dan] = ['ann', 'ben', 'cem', 'dan'].map((name, at) => new Host(name, place, 11 + at, {}));
  if (ann === undefined || ben === undefined || cem === undefined || dan === undefined) throw new Error('four hosts');
  t.teardown(() => Promise.all([head, ann, ben, cem, dan].map((machine) => machine.powerOff())));
  await Promise.all([head.start().then(() => place.network.connect(head, 1)), ...[ann, ben, cem, dan].map((host) => host.boot())]);
  await loadImage(image, ann);

  const supervised = (machine: Machine, name: string, line: string) => {
    const process = operator.supervise(machine, name, line);
    t.teardown(() => {
      if (!t.passing()) t.comment(process.child.lines.slice(-30).join('\n'));
    });
    return process.child;
  };
  const raworc = (line: string) => operator.silently(head, `raworc ${line}`);
  const seconds = async (t: Test, what: string, measured: () => Promise<unknown>) => {
    const startedAt = performance.now();
    await measured();
    const took = (performance.now() - startedAt) / 1000;
    t.comment(`${what}: ${took.toFixed(1)} s`);
    return took;
  };
  const join_ = async (t: Test, host: Host, line: string) => {
    let printed = '';
    await seconds(t, `join of ${host.name}`, async () => {
      printed = await operator.type(host.machine, line);
    });
    const command = printed.split('\n').findLast((one) => one.startsWith('raworc-node-agent run')) ?? '';
    t.match(printed, new RegExp(`joined as ${host.name}`));
    const agent = supervised(host.machine, `node agent of ${host.name}`, command);
    agents.push(agent);
    await seconds(t, `start of the node agent of ${host.name}`, () => agent.untilEvent('node.ready', COMES_WITHIN_MS));
    return agent;
  };
  const agents: Child[] = [];
  const three = [ann, ben, cem];
  let line = '';

  await t.test('three hosts', async (t) => {
    const took = await seconds(t, 'from nothing to three joined hosts', async () => {
      mkdirSync(head.path('/etc/raworc'));
      const file = [
        `data_dir = "${STATE}"`,
        'node_host = "0.0.0.0"',
        `advertise = ["${place.network.address(1)}"]`,
        `base_image_tag = "${image}"`,
      ];
      writeFileSync(head.path('/etc/raworc/controller.toml'), file.join('\n'));
      operator.typed.push(...file, 'raworc-controller install');
      const controller = supervised(head, 'controller', 'raworc-controller serve');
      await controller.untilEvent('controller.ready', COMES_WITHIN_MS);
      await operator.type(head, `raworc login --password-file ${STATE}/controller/admin-password`);
      line = await operator.type(head, 'raworc node token --uses 4');
      await Promise.all(three.map((host) => join_(t, host, line)));
    });
    t.comment(`typed ${operator.typed.length} lines: ${operator.typed.map((one) => one.slice(0, 40)).join(' | ')}`);
    t.ok(took < PATIENCE * JOINED_WITHIN_S);
    for (const { name } of three) t.match(await raworc('node list'), new RegExp(`^${name} +ready`, 'm'));
  });

  const until = async (what: string, holds: () => Promise<boolean>) => {
    const endsAt = performance.now() + COMES_WITHIN_MS;
    while (!(await holds())) {
      if (performance.now() > endsAt) throw new Error(`waited in vain for ${what}`);
      await new Promise<void>((done) => setTimeout(done, 100));
    }
  };

  const untilAllHave = (tag: string) =>
    until(tag, async () => (await Promise.all(three.map((host) => host.docker('images', '-q', tag)))).every((id) => id !== ''));

  await t.test('a new build reaches all of them while the first session begins', async (t) => {
    await seconds(t, 'the session image on all hosts', () => untilAllHave(image));
    await seconds(t, 'a deploy', () => raworc(`agent deploy ${EXAMPLE}`));
    const listed = three.map((host) => host.docker('images', '--format', '{{.Repository}}:{{.Tag}}', 'raworc_space_default'));
    const built = (await Promise.all(listed)).find((tag) => tag !== '') ?? '';
    t.not(built, '');
    const order: string[] = [];
    const first = async () => {
      await seconds(t, 'the first session', () => raworc('session new --name first'));
      await seconds(t, 'its first answer', () => raworc('chat first hello'));
      order.push('answer');
    };
    const spread = seconds(t, 'the build on all hosts', () => untilAllHave(built)).then(() => order.push('spread'));
    await Promise.all([spread, first()]);
    t.same(order, ['spread', 'answer'], 'before a second session can ask');
  });

  await t.test(`${SESSIONS} sessions spread over three hosts, and answer`, async (t) => {
    await seconds(t, `${SESSIONS - 1} sessions, ${AT_ONCE} at once`, async () => {
      for (let at = 1; at < SESSIONS; at += AT_ONCE)
        await Promise.all(Array.from({ length: Math.min(AT_ONCE, SESSIONS - at) }, (_, i) => raworc(`session new --name s${at + i}`)));
    });
    const spread = await Promise.all(three.map(async (host) => (await host.running()).length));
    t.comment(`spread: ${spread.join(', ')}`);
    t.equal(
      spread.reduce((sum, count) => sum + count, 0),
      SESSIONS,
    );
    for (const count of spread) t.ok(count >= SESSIONS / 4, 'each has its share');
    t.match(await raworc('chat first hello'), /You said: hello/);
    t.match(await raworc(`chat s${SESSIONS - 1} hello`), /You said: hello/);
  });

  await t.test('a host that joins later serves', async (t) => {
    for (const name of ['ann', 'ben', 'cem']) await operator.type(head, `raworc node cordon ${name}`);
    // A minute after its start, each host copies its session image. Here, that takes processors from the fourth.
    for (const agent of agents) await agent.untilEvent('base_image.kept', COMES_WITHIN_MS);
    const took = await seconds(t, 'the fourth host, from its line to its first answer', async () => {
      const agent = await join_(t, dan, line);
      await seconds(t, 'its first session', () => raworc('session new --name late'));
      await seconds(t, 'its first answer', async () => t.match(await raworc('chat late hello'), /You said: hello/));
      for (const pulled of agent.lines.filter((one) => one.includes('"image.pulled"'))) t.comment(pulled);
    });
    t.comment(`load ${loadavg()[0]?.toFixed(1)}`);
    t.equal((await dan.running()).length, 1);
    t.ok(took < PATIENCE * SERVES_WITHIN_S);
    for (const name of ['ann', 'ben', 'cem']) await operator.type(head, `raworc node uncordon ${name}`);
  });

  await t.test('a host is labelled, drained, returned and removed, as the page says', async (t) => {
    t.match(await operator.type(head, 'raworc-controller backup /var/lib/raworc.backup'), /checked/);
    t.equal(await operator.type(head, 'raworc node label ben zone=rack-2'), 'zone=rack-2');
    await seconds(t, 'a drain', () => operator.type(head, 'raworc node drain ben --deadline 1'));
    t.same(await ben.running(), []);
    t.match(await operator.type(head, 'raworc node get ben'), /Drained/);
    await operator.type(head, 'raworc node uncordon ben');
    await dan.powerOff();
    await until('dan to be unreachable', async () => /^dan +unreachable/m.test(await raworc('node list')));
    await t.rejects(operator.type(head, 'raworc node remove dan'), 'it has a session');
    t.match(await operator.type(head, 'raworc node remove dan --lost'), /removed/);
    t.notMatch(await raworc('node list'), /^dan/m);
  });
});
