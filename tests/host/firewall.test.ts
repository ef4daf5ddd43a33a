import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { dockerClients } from '../../node-agent/engine/docker/client.ts';
import { ensureNetwork } from '../../node-agent/engine/docker/network.ts';
import { Firewall } from '../../node-agent/engine/firewall/firewall.ts';
import { systemClock } from '../../seams/system.ts';
import { docker, makeBusyboxImage } from './busybox.ts';

const run = promisify(execFile);

const TAG = randomUUID().slice(0, 6);
const NETWORK = { name: `raworc_test_${TAG}`, bridge: `rwt${TAG}` };
const CHAINS = { input: `RAWORC-T-IN-${TAG}`, forward: `RAWORC-T-FWD-${TAG}` };
const TABLE = `raworc_t_${TAG}`;
const IMAGE = `raworc-test-firewall:${TAG}`;
const METADATA = '169.254.169.254';
const signal = new AbortController().signal;

t.setTimeout(120_000);
t.before(() => makeBusyboxImage(IMAGE, {}));
t.teardown(() => docker('rmi', '-f', IMAGE));

/** Undoes steps in reverse order, even if one fails. */
function undoing(t: Test): (step: () => Promise<unknown>) => void {
  const steps: (() => Promise<unknown>)[] = [];
  t.teardown(async () => {
    for (const step of steps.reverse()) await step().catch((error: unknown) => t.fail(String(error)));
  });
  return (step) => steps.push(step);
}
type Undo = ReturnType<typeof undoing>;

async function network(undo: Undo): Promise<void> {
  const { calls } = await dockerClients('/var/run/docker.sock');
  await ensureNetwork(calls, NETWORK, signal);
  undo(() => docker('network', 'rm', NETWORK.name));
  await ensureNetwork(calls, NETWORK, signal);
}

function firewallOf(undo: Undo, plan: { closed?: string[]; allowed?: string[] } = {}): Firewall {
  const firewall = new Firewall({
    plan: { bridge: NETWORK.bridge, table: TABLE, chains: CHAINS, closed: [], allowed: [], ...plan },
    clock: systemClock,
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  undo(async () => {
    firewall.close();
    await firewall.remove();
  });
  return firewall;
}

/** A container that waits. */
async function container(undo: Undo, ...flags: string[]): Promise<string> {
  const id = await docker('run', '-d', '--init', ...flags, IMAGE, 'sleep', '600');
  undo(() => docker('rm', '-f', id));
  return id;
}

/** Returns whether a TCP connection from the container succeeds. */
async function reaches(from: string, address: string, port: number): Promise<boolean> {
  return docker('exec', from, 'sh', '-c', `nc -w 2 ${address} ${port} </dev/null`).then(
    () => true,
    () => false,
  );
}

/** Returns all rules of the machine, from iptables and nftables. */
async function rulesNow(): Promise<string[]> {
  const listed = await Promise.all([run('iptables', ['-S']), run('nft', ['list', 'ruleset'])]);
  return listed.flatMap(({ stdout }) => stdout.split('\n'));
}

/** Returns the name of the interface to the outside. */
async function defaultInterface(): Promise<string> {
  return /\bdev (\S+)/.exec((await run('ip', ['route', 'show', 'default'])).stdout)?.[1] ?? '';
}

t.test('a session reaches neither this machine nor its network, and still resolves names', async (t) => {
  const undo = undoing(t);
  const before = await rulesNow();
  await network(undo);
  // Two node agents of one machine, which start at once.
  const [firewall, other] = [firewallOf(undo), firewallOf(undo)];
  await Promise.all([firewall.apply(), other.apply(), firewall.apply()]);
  other.close();
  const jumps = (await rulesNow()).filter((rule) => rule.includes(`iifname "${NETWORK.bridge}" jump`));
  t.equal(jumps.length, 2, 'applied three times is there once');

  const [inside, neighbour, outside] = await Promise.all([
    container(undo, '--network', NETWORK.name),
    container(undo, '--network', NETWORK.name),
    container(undo),
  ]);
  await run('ip', ['address', 'add', `${METADATA}/32`, 'dev', 'lo']).catch(() => undefined);
  undo(() => run('ip', ['address', 'del', `${METADATA}/32`, 'dev', 'lo']).catch(() => undefined));

  const server = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  t.teardown(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  // Other tests have networks of their own meanwhile, which are nobody's way to this machine.
  const interfaces = ['docker0', NETWORK.bridge, await defaultInterface()];
  const own = Object.entries(networkInterfaces())
    .flatMap(([name, list]) => (interfaces.includes(name) ? (list ?? []) : []))
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map((one) => one.address);
  t.ok(own.length >= 3, 'docker0, the bridge of sessions, and the machine itself have addresses');
  await Promise.all(
    [...new Set([...own, METADATA])].map(async (target) => {
      t.equal(await reaches(inside, target, address.port), false, `${target} is closed to a session`);
      t.equal(await reaches(outside, target, address.port), true, `${target} is open to a container outside`);
    }),
  );

  const neighbours = await docker('inspect', '-f', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', neighbour);
  await docker('exec', '-d', neighbour, 'nc', '-ll', '-p', '7070', '-e', 'cat');
  t.equal(await reaches(inside, neighbours, 7070), false, 'another session is closed');
  t.equal(await reaches(neighbour, '127.0.0.1', 7070), true, 'and it does listen');

  // By the name server that Docker gives to every container of the network, and a name of this
  // test's own: the neighbour's short id.
  t.match(await docker('exec', inside, 'nslookup', neighbour.slice(0, 12)), neighbours, 'names resolve');

  await firewall.remove();
  t.equal(await reaches(inside, own[0] ?? '', address.port), true, 'it was the rules');
  const left = (await rulesNow()).filter((rule) => !rule.includes(NETWORK.bridge) && !before.includes(rule));
  t.same(
    left.filter((rule) => rule.includes(TAG)),
    [],
    'nothing of ours is left',
  );
});

t.test('allowed addresses are open; denied ones and the metadata address never are', async (t) => {
  const undo = undoing(t);
  await network(undo);
  // Two machines of a private network, behind a bridge of their own: its containers are reached
  // through this machine, as others on a LAN are.
  const lan = `raworc_test_lan_${TAG}`;
  await docker('network', 'create', lan);
  undo(() => docker('network', 'rm', lan));
  const [inside, one, other] = await Promise.all([
    container(undo, '--network', NETWORK.name),
    container(undo, '--network', lan),
    container(undo, '--network', lan),
  ]);
  const lanAddress = (id: string) => docker('inspect', '-f', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', id);
  const [first, second] = await Promise.all([lanAddress(one), lanAddress(other)]);
  for (const id of [one, other]) await docker('exec', '-d', id, 'nc', '-ll', '-p', '7070', '-e', 'cat');
  // Docker keeps its own networks apart; for this test the two may speak, if only Raworc lets them.
  for (const direction of ['-i', '-o']) {
    const opening = ['DOCKER-ISOLATION-STAGE-1', direction, NETWORK.bridge, '-j', 'ACCEPT'];
    await run('iptables', ['-w', '-I', ...opening]);
    undo(() => run('iptables', ['-w', '-D', ...opening]));
  }

  await firewallOf(undo).apply();
  t.equal(await reaches(inside, first, 7070), false, 'private addresses are closed');
  await firewallOf(undo, { allowed: ['172.16.0.0/12', '192.168.0.0/16', '10.0.0.0/8'], closed: [second] }).apply();
  t.equal(await reaches(inside, first, 7070), true, 'an allowed range is open');
  t.equal(await reaches(inside, second, 7070), false, 'but for a controller in it');
});
