/**
 * Sessions stay confined whatever happens to the machine's rules. Uses its own engine and network.
 */
import { execFile } from 'node:child_process';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { DEFAULT_FLOWS } from '../../node-agent/domain/flow-bounds.ts';
import { dockerClients } from '../../node-agent/engine/docker/client.ts';
import { ensureNetwork } from '../../node-agent/engine/docker/network.ts';
import { Firewall } from '../../node-agent/engine/firewall/firewall.ts';
import { watchNft } from '../../node-agent/engine/firewall/nft-monitor.ts';
import type { RunProgram } from '../../node-agent/engine/firewall/programs.ts';
import type { Clock } from '../../seams/clock.ts';
import { systemClock } from '../../seams/system.ts';
import { within } from '../cluster/deadline.ts';
import { Child } from '../cluster/processes.ts';
import { makeBusyboxImage } from './busybox.ts';
import { OwnEngine } from './own-engine.ts';

const run = promisify(execFile);
const NETWORK = { name: 'raworc_test', bridge: 'rwtest0' };
const CHAINS = { input: 'RAWORC-T-IN', forward: 'RAWORC-T-FWD' };
const IMAGE = 'raworc-test-flush:1';
const PORT = 7070;
const V6 = { host: 'fd00:7::1', inside: 'fd00:7::2' };

t.setTimeout(300_000);

/**
 * An engine with a session's container, its neighbour, a foreign container, and servers that all
 * could reach.
 */
async function machine() {
  const engine = new OwnEngine();
  t.teardown(() => engine.close());
  await engine.start();
  await makeBusyboxImage(IMAGE, {}, ['-H', `unix://${engine.socket}`]);
  const enter = [`--net=/run/netns/${basename(engine.directory)}`];
  const inMachine: RunProgram = (program, args, input = '') => {
    const running = run('nsenter', [...enter, program, ...args]);
    running.child.stdin?.on('error', () => undefined);
    running.child.stdin?.end(input);
    return running.then(({ stdout }) => stdout);
  };
  const { calls } = await dockerClients(engine.socket);
  await ensureNetwork(calls, NETWORK, new AbortController().signal);
  const container = (...flags: string[]) => engine.docker('run', '-d', '--init', ...flags, IMAGE, 'sleep', '600');
  const v6 = ['--sysctl', 'net.ipv6.conf.all.disable_ipv6=0', '--sysctl', 'net.ipv6.conf.default.disable_ipv6=0'];
  const [inside, neighbour, outside] = [
    await container('--network', NETWORK.name, ...v6),
    await container('--network', NETWORK.name),
    await container(),
  ];
  const addressOf = (id: string) => engine.docker('inspect', '-f', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', id);
  const pid = await engine.docker('inspect', '-f', '{{.State.Pid}}', inside);
  await inMachine('sysctl', ['-qw', `net.ipv6.conf.${NETWORK.bridge}.disable_ipv6=0`]);
  await inMachine('ip', ['-6', 'address', 'add', `${V6.host}/64`, 'dev', NETWORK.bridge, 'nodad']);
  await run('nsenter', [`--net=/proc/${pid}/ns/net`, 'ip', '-6', 'address', 'add', `${V6.inside}/64`, 'dev', 'eth0', 'nodad']);
  const listen = ['nc', '-ll', '-p', String(PORT), '-e', 'cat'];
  const server = new Child('server', 'nsenter', [...enter, 'busybox', ...listen], { PATH: process.env.PATH ?? '' }, '/');
  t.teardown(() => server.end('SIGKILL'));
  for (const id of [neighbour, outside]) await engine.docker('exec', '-d', id, ...listen);
  const targets = {
    host: '172.31.250.1',
    neighbour: await addressOf(neighbour),
    'a container of somebody else': await addressOf(outside),
    'the host by IPv6': V6.host,
  };
  const reaches = (from: string, address: string) =>
    engine.docker('exec', from, 'sh', '-c', `nc -w 1 ${address} ${PORT} </dev/null`).then(
      () => true,
      () => false,
    );
  /** Returns the forbidden servers that the session reaches. */
  const open = async () => {
    const tried = await Promise.all(Object.entries(targets).map(async ([name, at]) => ((await reaches(inside, at)) ? [name] : [])));
    return tried.flat().sort();
  };
  const watch = watchNft('nsenter', ...enter, 'nft');
  return { watch, engine, inMachine, inside, neighbour, outside, targets, reaches, open };
}

t.test('the rules are restored after a flush, a reset and a restart', async (t) => {
  const { watch, engine, inMachine, inside, neighbour, outside, targets, reaches, open } = await machine();
  const events: string[] = [];
  let told: (() => void)[] = [];
  const warn = (event: string) => {
    events.push(event);
    for (const tell of told.splice(0)) tell();
  };
  const log = { debug: () => undefined, info: () => undefined, warn, error: warn };
  const plan = { bridge: NETWORK.bridge, table: 'raworc_test', chains: CHAINS, closed: [], allowed: [], flows: DEFAULT_FLOWS };
  const clock: Clock = { ...systemClock, after: (ms, run) => (ms < 1_000 ? systemClock.after(ms, run) : { cancel: () => undefined }) };
  const firewall = new Firewall({ plan, clock, log, run: inMachine, watch });
  t.teardown(() => firewall.close());
  const restored = (times: number) =>
    within(
      'the rules to be put back',
      30_000,
      (async () => {
        while (events.filter((event) => event === 'firewall.restored').length < times)
          await new Promise<void>((resolve) => {
            told = [...told, resolve];
          });
      })(),
    );

  t.same(await open(), ['host', 'the host by IPv6'], 'without ours, by both protocols');
  await firewall.apply();
  t.same(events, [], 'nftables works here');
  t.same(await open(), []);
  t.equal(await reaches(outside, targets.host), true, 'who is outside reaches the host');

  // None of these touches our table, so nothing opens for a moment even.
  for (const flush of [
    'iptables -F',
    'iptables -P FORWARD ACCEPT',
    'iptables -P INPUT ACCEPT',
    'iptables -X',
    'ip6tables -F',
    'iptables -t nat -F',
  ]) {
    const [program = '', ...args] = flush.split(' ');
    await inMachine(program, ['-w', ...args]).catch(() => undefined);
    t.same(await open(), [], flush);
  }
  t.equal(events.length, 0, 'and nothing had to be put right');

  // As firewalld does on a reload: everything but what others own; as an operator does: everything.
  // Nothing is found by the look of every second, which never comes: the kernel tells.
  let times = 0;
  const took: number[] = [];
  for (const command of [
    ['flush', 'ruleset'],
    ['delete', 'table', 'inet', 'raworc_test'],
    ['flush', 'chain', 'inet', 'raworc_test', 'through'],
    ['insert', 'rule', 'inet', 'raworc_test', 'through', 'accept'],
    ['add', 'rule', 'inet', 'raworc_test', 'to_host', 'accept'],
    ['delete', 'chain', 'inet', 'raworc_test', 'input'],
  ]) {
    times += 1;
    const from = systemClock.monotonic();
    await inMachine('nft', command);
    await restored(times);
    took.push(systemClock.monotonic() - from);
    t.same(await open(), [], `nft ${command.join(' ')}`);
  }

  t.comment(`back after ${took.map(Math.round).join(', ')} ms`);

  await engine.end('SIGTERM');
  await engine.start();
  await engine.docker('start', inside, neighbour, outside);
  t.same(await open(), [], 'the engine was started again');
  t.equal(events.length, times, 'which changed nothing of ours');

  // Positive control: it was these rules, and nothing else, that kept it in.
  await inMachine('iptables', ['-w', '-F']);
  await inMachine('iptables', ['-w', '-P', 'FORWARD', 'ACCEPT']);
  for (const id of [neighbour, outside]) await engine.docker('exec', '-d', id, 'nc', '-ll', '-p', String(PORT), '-e', 'cat');
  t.same(await open(), [], 'closed with every rule of others gone');
  firewall.close();
  await firewall.remove();
  t.same(await open(), ['a container of somebody else', 'host', 'neighbour'], 'open without ours');
});

t.test('without nftables, iptables confines a session, and a condition says so', async (t) => {
  const { inMachine, open } = await machine();
  const raised: string[] = [];
  const events: string[] = [];
  const note = (event: string) => void events.push(event);
  const withoutNft: RunProgram = (program, args, input) =>
    program === 'nft' ? Promise.reject(new Error('nft failed: not found')) : inMachine(program, args, input);
  const make = () =>
    new Firewall({
      plan: { bridge: NETWORK.bridge, table: 'raworc_test', chains: CHAINS, closed: [], allowed: [] },
      clock: systemClock,
      log: { debug: note, info: note, warn: note, error: note },
      conditions: { raise: ({ type }) => void raised.push(type), clear: () => undefined },
      run: withoutNft,
    });
  const [one, two] = [make(), make()];
  t.teardown(() => {
    for (const firewall of [one, two]) firewall.close();
  });
  await Promise.all([one.apply(), two.apply()]);
  t.same(raised, ['FirewallByIptables', 'FirewallByIptables']);
  const jumps = (await inMachine('iptables', ['-w', '-S'])).split('\n').filter((rule) => rule.includes('-j RAWORC-T-'));
  t.equal(jumps.length, 2, 'two node agents that start at once leave one jump each way');
  t.same(await open(), []);
  await inMachine('iptables', ['-w', '-F', 'INPUT']);
  await inMachine('iptables', ['-w', '-F', 'DOCKER-USER']);
  await within(
    'the rules to be put back',
    30_000,
    (async () => {
      while (!events.includes('firewall.restored')) await new Promise((resolve) => setTimeout(resolve, 20));
    })(),
  );
  t.same(await open(), [], 'flushed and put back');
  for (const firewall of [one, two]) firewall.close();
  await one.remove();
  t.ok((await open()).includes('host'), 'open without ours');
});
